"""Installation tokens, sealed in the database and shared by all processes.

The key is derived from the App's private key, which every process with tokens has, so there is no
further secret to keep, and a backup reveals no tokens.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from sqlalchemy import Engine, delete, select

from bot.store.tables import installation_token as table
from luggage.database import reading, writing
from luggage.database.upsert import inserting
from luggage.github import Token
from luggage.github.secret import SecretBytes, SecretText
from luggage.jobs import Leadership

# A renewal takes a second or two; after this, another process may try.
RENEWAL_SECONDS = 10.0


def sealing_key(private_key: RSAPrivateKey) -> bytes:
    """Return the key that all holders of the App's private key share, 32 bytes."""
    der = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    digest = hashlib.blake2b(der, digest_size=SecretBox.KEY_SIZE, person=b"bot.tokens 1")
    return SecretBytes(digest.digest())


@dataclass(frozen=True)
class SqlTokenStore:
    """The TokenStore of luggage.github, in the bot's database. Threads may share it.

    `holder` identifies this process. Every method raises SQLAlchemyError if the database does not
    respond.
    """

    engine: Engine
    key: bytes = field(repr=False)
    leadership: Leadership
    holder: str

    def load(self, installation_id: int) -> Token | None:
        """The saved token; None if there is none, or one sealed with another key."""
        query = select(table.c.sealed).where(table.c.installation == installation_id)
        with reading(self.engine) as connection:
            sealed = connection.execute(query).scalar_one_or_none()
        return None if sealed is None else self._open(installation_id, sealed)

    def save(self, installation_id: int, token: Token) -> None:
        """Save a token in place of an older one. Safe to repeat."""
        # The sealed number prevents a row from being moved to another installation.
        content = asdict(token) | {"installation": installation_id}
        sealed = SecretBox(self.key).encrypt(json.dumps(content).encode())
        row = {"installation": installation_id, "sealed": sealed, "expires_at": token.expires_at}
        with writing(self.engine) as connection:
            upsert = inserting(connection, table).values(row)
            connection.execute(
                upsert.on_conflict_do_update(index_elements=["installation"], set_=row)
            )
        self.leadership.release(_lease(installation_id), self.holder)

    def drop(self, installation_id: int, token: Token) -> None:
        """Delete `token`, but not a newer one. Safe to repeat."""
        saved = self.load(installation_id)
        if saved is not None and saved.value == token.value:
            same = (table.c.installation == installation_id) & (
                table.c.expires_at == token.expires_at
            )
            with writing(self.engine) as connection:
                connection.execute(delete(table).where(same))

    def may_renew(self, installation_id: int) -> bool:
        """Acquire the right to renew the token for RENEWAL_SECONDS; False if another has it."""
        return self.leadership.holds(_lease(installation_id), self.holder, seconds=RENEWAL_SECONDS)

    def _open(self, installation_id: int, sealed: bytes) -> Token | None:
        try:
            content = json.loads(SecretBox(self.key).decrypt(sealed))
        except CryptoError:
            return None
        if content.pop("installation") != installation_id:
            return None
        return Token(SecretText(content["value"]), content["expires_at"], content["made_at"])


def _lease(installation_id: int) -> str:
    return f"token:{installation_id}"
