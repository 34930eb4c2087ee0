"""Tests of JWTs and installation tokens."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from luggage.fake_github import FakeGithub


def _pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_app_is_returned(ask, github):
    """A valid JWT gets the App and its number of installations."""
    answer = ask.as_app("GET", "/app")
    assert (answer.json()["id"], answer.json()["installations_count"]) == (github.app_id, 1)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"issued_at": 120}, "'Issued at' claim ('iat') must be an Integer"),
        ({"iat": None}, "'Issued at' claim ('iat') must be an Integer"),
        ({"expires_at": -1}, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"exp": None}, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"expires_at": 601}, "'Expiration time' claim ('exp') is too far in the future"),
    ],
)
def test_a_jwt_with_wrong_times_is_refused(ask, times, message):
    """A JWT from the future, an expired one, or one longer than ten minutes gets a 401."""
    answer = ask.ask("GET", "/app", f"Bearer {ask.jwt(**times)}")
    assert answer.status_code == 401
    assert answer.json()["message"].startswith(message)


def test_slightly_fast_clock_is_accepted(ask):
    """A JWT issued up to a minute ahead is accepted."""
    assert ask.ask("GET", "/app", f"Bearer {ask.jwt(issued_at=50)}").status_code == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer nonsense", "token {jwt}", "Bearer {token}"]
)
def test_other_tokens_are_not_jwts(ask, authorization):
    """The App's routes only accept JWTs as bearer tokens."""
    authorization_header = authorization.format(jwt=ask.jwt(), token=ask.token)
    answer = ask.ask("GET", "/app", authorization_header)
    assert (answer.status_code, answer.json()["message"]) == (
        401,
        "A JSON web token could not be decoded",
    )


def test_jwt_of_another_key_is_rejected(ask, github):
    """A JWT signed with another RSA key is rejected."""
    other = _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    now = int(github.world.clock())
    forged = jwt.encode({"iss": str(github.app_id), "iat": now, "exp": now + 60}, other, "RS256")
    assert ask.ask("GET", "/app", f"Bearer {forged}").status_code == 401


def test_hs256_jwt_is_rejected(ask, github):
    """A JWT with the algorithm HS256 is rejected, whatever its key."""
    now = int(github.world.clock())
    claims = {"iss": str(github.app_id), "iat": now, "exp": now + 60}
    forged = jwt.encode(claims, "k" * 32, "HS256")
    assert ask.ask("GET", "/app", f"Bearer {forged}").status_code == 401


def test_another_app_is_not_found(ask):
    """A JWT of another App gets a 404: Integration not found."""
    answer = ask.ask("GET", "/app", f"Bearer {ask.jwt(iss='7')}")
    assert (answer.status_code, answer.json()["message"]) == (404, "Integration not found")


def test_a_token_is_good_for_an_hour(ask, clock):
    """An installation token works for 3600 s by the simulation's clock."""
    clock.advance(3599)
    assert ask("GET", "/orgs/snakes").status_code == 200
    clock.advance(1)
    answer = ask("GET", "/orgs/snakes")
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_a_token_is_long(ask):
    """Tokens are longer than 255 characters, to expose code that truncates them."""
    assert len(ask.token) > 255


def test_older_tokens_stay_good(ask):
    """A new token does not invalidate older ones."""
    old = ask.token
    assert ask.login("snakes") != old
    assert ask.ask("GET", "/orgs/snakes", f"token {old}").status_code == 200


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "Requires authentication"),
        ("Bearer", "Requires authentication"),
        ("Bearer ghs_unknown", "Bad credentials"),
        ("Basic {token}", "Bad credentials"),
        ("Bearer {jwt}", "Bad credentials"),
    ],
)
def test_unknown_tokens_are_rejected(ask, authorization, message):
    """A missing or unknown token gets a 401."""
    authorization_header = authorization and authorization.format(jwt=ask.jwt(), token=ask.token)
    answer = ask.ask("GET", "/orgs/snakes", authorization_header)
    assert (answer.status_code, answer.json()["message"]) == (401, message)


def test_revoked_tokens_are_rejected(ask, github):
    """All tokens can be revoked, as when permissions change."""
    github.credentials.revoke_all()
    assert ask("GET", "/orgs/snakes").status_code == 401


def test_a_suspended_installation_gets_nothing(ask, github, clock):
    """A suspended installation gets a 403 for its token and for a new one."""
    one = github.install("snakes")
    one.suspended_at = clock()
    assert ask("GET", "/orgs/snakes").status_code == 403
    again = ask.as_app("POST", f"/app/installations/{one.id}/access_tokens")
    assert (again.status_code, again.json()["message"]) == (
        403,
        "This installation has been suspended",
    )


def test_removed_installation_has_no_tokens(ask, github):
    """Removing the App from an account invalidates its tokens."""
    github.world.installations.clear()
    assert ask("GET", "/orgs/snakes").status_code == 401


def test_key_can_be_passed(github):
    """Two simulations can share an App's key."""
    assert FakeGithub(private_key=github.private_key).private_key == github.private_key


def test_other_keys_are_rejected():
    """A key that is not RSA is rejected."""
    key = _pem(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(TypeError, match="RSA"):
        FakeGithub(private_key=key)


def test_missing_user_agent_is_rejected(ask):
    """A request without a User-Agent gets a 403, as on GitHub."""
    answer = ask("GET", "/orgs/snakes", headers={"User-Agent": ""})
    assert answer.status_code == 403
    assert "User-Agent" in answer.json()["message"]
