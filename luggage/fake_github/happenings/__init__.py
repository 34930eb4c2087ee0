"""People's actions on GitHub, one function each; FakeGithub lists them as methods.

Each changes the world and returns the resulting webhook event.
"""
