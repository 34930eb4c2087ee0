"""Documentation site: Sphinx builds it from docs/ and from the docstrings.

The Markdown in docs/ has no syntax of the generator. What only the site needs is here: the
navigation, the API pages, the switch between versions. Decision 0127 describes the output.
"""
