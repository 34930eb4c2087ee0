"""JSON shapes: pure functions from records to GitHub's JSON.

They have the fields that GitHub's OpenAPI description requires, for responses and for webhooks;
tests/contracts/test_fake_against_openapi.py checks them.
"""
