"""Authentication: App JWTs, installation tokens, and user tokens from OAuth.

Rules and messages follow "Authenticating with a GitHub App" in GitHub's documentation. Signatures
are verified, so that a bot with a bad JWT fails its tests.
"""

import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from luggage.fake_github.messages import Refused
from luggage.fake_github.records import Account, Installation
from luggage.fake_github.world import World

MAX_JWT_SECONDS = 600
# GitHub tolerates a clock that is slightly ahead; the limit is not documented.
CLOCK_TOLERANCE_SECONDS = 60
_NO_JWT = "A JSON web token could not be decoded"


@functools.cache
def private_key() -> str:
    """Return an RSA key of 2048 bits as PEM, created once per process (it takes 0.1 s)."""
    return new_private_key()


def new_private_key() -> str:
    """Return a new RSA key of 2048 bits as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


@functools.lru_cache(maxsize=8)
def public_key(pem: str) -> rsa.RSAPublicKey:
    """Return the public key of a PEM, cached; raises ValueError or TypeError for other keys."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("GitHub's App keys are RSA keys; this PEM holds another kind.")
    return key.public_key()


@dataclass(frozen=True)
class IssuedToken:
    """An installation token; times in epoch seconds."""

    value: str
    installation: Installation
    issued_at: float
    expires_at: float


@dataclass(frozen=True)
class Code:
    """The identity and PKCE challenge behind an OAuth code."""

    person: Account
    challenge: str


class Credentials:
    """Checks JWTs and issues tokens and codes; the caller holds the world's lock."""

    def __init__(
        self,
        world: World,
        pem: str,
        *,
        token_seconds: float,
        make_token: Callable[[], str] = lambda: "ghs_" + secrets.token_urlsafe(270),
    ) -> None:
        self._world = world
        self.pem = pem
        self._key = public_key(pem)
        self._token_seconds = token_seconds
        self._make_token = make_token
        self._tokens: dict[str, IssuedToken] = {}
        self._codes: dict[str, Code] = {}
        self._people: dict[str, Account] = {}

    def app(self, authorization: str) -> None:
        """Check the App's JWT; raises Refused(401), or 404 for another App."""
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Refused(401, _NO_JWT)
        try:
            claims = jwt.decode(
                value,
                self._key,
                algorithms=["RS256"],
                # Checked below, by the world's clock.
                options={"verify_exp": False, "verify_iat": False, "verify_iss": False},
            )
        except jwt.InvalidTokenError as error:
            raise Refused(401, _NO_JWT) from error
        self._check_times(claims.get("iat"), claims.get("exp"))
        if str(claims.get("iss")) != str(self._world.app.id):
            raise Refused(404, "Integration not found")

    def _check_times(self, issued_at: object, expires_at: object) -> None:
        now = self._world.clock()
        if not isinstance(issued_at, int) or issued_at > now + CLOCK_TOLERANCE_SECONDS:
            raise Refused(
                401,
                "'Issued at' claim ('iat') must be an Integer representing the time that the "
                "assertion was issued",
            )
        if not isinstance(expires_at, int) or expires_at <= now:
            raise Refused(
                401,
                "'Expiration time' claim ('exp') must be a numeric value representing the future "
                "time at which the assertion expires",
            )
        if expires_at > now + MAX_JWT_SECONDS:
            raise Refused(401, "'Expiration time' claim ('exp') is too far in the future")

    def installation(self, authorization: str) -> Installation:
        """Return the token's installation; raises Refused(401), or 403 if it is suspended."""
        scheme, _, value = authorization.partition(" ")
        if not value:
            raise Refused(401, "Requires authentication")
        token = self._tokens.get(value) if scheme.lower() in {"bearer", "token"} else None
        now = self._world.clock()
        if token is None or token.expires_at <= now:
            raise Refused(401, "Bad credentials")
        if token.installation.id not in self._world.installations:
            raise Refused(401, "Bad credentials")
        if token.installation.suspended_at is not None:
            raise Refused(403, "This installation has been suspended")
        return token.installation

    def issue(self, installation: Installation) -> IssuedToken:
        """Return a new token of the installation; older ones stay valid until they expire."""
        now = self._world.clock()
        token = IssuedToken(self._make_token(), installation, now, now + self._token_seconds)
        self._tokens[token.value] = token
        return token

    def add_code(self, code: Code) -> str:
        """Store a code; return its name."""
        name = secrets.token_hex(10)
        self._codes[name] = code
        return name

    def take_code(self, name: str) -> Code | None:
        """Return the code of that name, once."""
        return self._codes.pop(name, None)

    def issue_user_token(self, person: Account) -> str:
        """Return a new token of a person who signed in with the App."""
        token = "ghu_" + secrets.token_urlsafe(27)
        self._people[token] = person
        return token

    def person(self, authorization: str) -> Account:
        """Return the person whose token was sent; raises Refused(401)."""
        scheme, _, value = authorization.partition(" ")
        person = self._people.get(value) if scheme.lower() in {"bearer", "token"} else None
        if person is None:
            raise Refused(401, "Bad credentials")
        return person

    def replace_key(self, pem: str) -> None:
        """Replace the App's private key and revoke all tokens."""
        self.pem, self._key = pem, public_key(pem)
        self.revoke_all()

    def revoke_all(self) -> None:
        """Revoke all tokens, as GitHub does when an installation's permissions change."""
        self._tokens.clear()
