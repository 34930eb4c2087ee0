"""Who may ask: JWTs and installation tokens, judged as GitHub judges them."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from luggage.fake_github import FakeGithub


def _pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_the_app_knows_itself(ask, github):
    """A JWT of the App is answered with the App, and the number of its installations."""
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
    """Issued in the future, expired, or valid for more than ten minutes: 401, saying which."""
    answer = ask.ask("GET", "/app", f"Bearer {ask.jwt(**times)}")
    assert answer.status_code == 401
    assert answer.json()["message"].startswith(message)


def test_a_clock_that_is_a_little_ahead_is_forgiven(ask):
    """A JWT issued up to a minute ahead is taken, as GitHub takes it."""
    assert ask.ask("GET", "/app", f"Bearer {ask.jwt(issued_at=50)}").status_code == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer nonsense", "token {jwt}", "Bearer {token}"]
)
def test_what_is_no_jwt_cannot_be_decoded(ask, authorization):
    """The App's own routes take JWTs after the word Bearer, and nothing else."""
    given = authorization.format(jwt=ask.jwt(), token=ask.token)
    answer = ask.ask("GET", "/app", given)
    assert (answer.status_code, answer.json()["message"]) == (
        401,
        "A JSON web token could not be decoded",
    )


def test_another_key_signs_in_vain(ask, github):
    """A JWT signed with another RSA key is refused."""
    other = _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    now = int(github.world.clock())
    forged = jwt.encode({"iss": str(github.app_id), "iat": now, "exp": now + 60}, other, "RS256")
    assert ask.ask("GET", "/app", f"Bearer {forged}").status_code == 401


def test_an_hmac_is_no_signature(ask, github):
    """A JWT with the algorithm HS256 is refused, whatever its key."""
    now = int(github.world.clock())
    claims = {"iss": str(github.app_id), "iat": now, "exp": now + 60}
    forged = jwt.encode(claims, "k" * 32, "HS256")
    assert ask.ask("GET", "/app", f"Bearer {forged}").status_code == 401


def test_another_app_is_not_found(ask):
    """A JWT in the name of another App is answered with 404: Integration not found."""
    answer = ask.ask("GET", "/app", f"Bearer {ask.jwt(iss='7')}")
    assert (answer.status_code, answer.json()["message"]) == (404, "Integration not found")


def test_a_token_is_good_for_an_hour(ask, clock):
    """An installation token works for 3600 s by the simulation's clock, then no more."""
    clock.advance(3599)
    assert ask("GET", "/orgs/snakes").status_code == 200
    clock.advance(1)
    answer = ask("GET", "/orgs/snakes")
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_a_token_is_long(ask):
    """Tokens are longer than 255 characters: what stores them in less room must fail here."""
    assert len(ask.token) > 255


def test_older_tokens_stay_good(ask):
    """A new token does not end those before it."""
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
def test_strangers_are_refused(ask, authorization, message):
    """Without a token, or with one that was never given out, everything is 401."""
    given = authorization and authorization.format(jwt=ask.jwt(), token=ask.token)
    answer = ask.ask("GET", "/orgs/snakes", given)
    assert (answer.status_code, answer.json()["message"]) == (401, message)


def test_revoked_tokens_are_refused(ask, github):
    """Tokens can be taken back all at once, as happens when permissions change."""
    github.credentials.revoke_all()
    assert ask("GET", "/orgs/snakes").status_code == 401


def test_a_suspended_installation_gets_nothing(ask, github, clock):
    """While an installation is suspended, its token is refused with 403, and it gets no other."""
    one = github.install("snakes")
    one.suspended_at = clock()
    assert ask("GET", "/orgs/snakes").status_code == 403
    again = ask.as_app("POST", f"/app/installations/{one.id}/access_tokens")
    assert (again.status_code, again.json()["message"]) == (
        403,
        "This installation has been suspended",
    )


def test_an_installation_that_is_gone_has_no_tokens(ask, github):
    """When the App is removed from an account, the tokens it had there end."""
    github.world.installations.clear()
    assert ask("GET", "/orgs/snakes").status_code == 401


def test_the_key_may_be_given(github):
    """Two simulations can be one App with one key."""
    assert FakeGithub(private_key=github.private_key).private_key == github.private_key


def test_a_key_of_another_kind_is_refused():
    """GitHub's App keys are RSA keys; anything else is refused at once."""
    key = _pem(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(TypeError, match="RSA"):
        FakeGithub(private_key=key)


def test_who_does_not_say_who_it_is_is_refused(ask):
    """A request without a User-Agent is 403, as on GitHub."""
    answer = ask("GET", "/orgs/snakes", headers={"User-Agent": ""})
    assert answer.status_code == 403
    assert "User-Agent" in answer.json()["message"]
