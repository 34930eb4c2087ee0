"""Composition root: makes the parts of the bot from its settings, and puts them together."""
