"""How GitHub writes things down: records of the world -> JSON, pure functions.

The fields are those that GitHub's OpenAPI description requires, for answers and for webhooks;
tests/contracts/test_fake_against_openapi.py holds them to it.
"""
