"""The product: what happens on GitHub, and the pages that show it."""
