"""Happenings: what people do on GitHub, one function each.

Each function changes the world and returns the webhook event that tells of it.
FakeGithub lists them as its methods.
"""
