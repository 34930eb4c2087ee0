"""Installation tokens, sealed in the database, so that all processes share one of each.

Chosen: a secret box whose key is made from the App's private key, which every process that may use
a token has anyhow. Against: tokens in clear, which whoever sees a backup could use for an hour; and
a key of its own, which would be one more secret to keep.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from sqlalchemy import Engine, delete, select, update

from bot.store.tables import installation_token as table
from luggage.database import reading, writing
from luggage.database.upsert import insert_once
from luggage.github import Token
from luggage.github.secret import SecretBytes, SecretText
from luggage.github.tokens import load_private_key
from luggage.jobs import Leadership

# A renewal takes a second or two; if it is never heard of again, another process may after this.
RENEWAL_SECONDS = 10.0


def sealing_key(private_key: str) -> bytes:
    """The key that the holders of the App's private key (PEM) share, 32 bytes.

    However the file is written, with whatever line ends. Raises ConfigurationError for no key.
    """
    der = load_private_key(private_key).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    digest = hashlib.blake2b(der, digest_size=SecretBox.KEY_SIZE, person=b"bot.tokens 1")
    return SecretBytes(digest.digest())


@dataclass(frozen=True)
class SqlTokenStore:
    """The TokenStore of luggage.github, in the bot's database. Threads may share it.

    `holder` names this process among all. Every method raises SQLAlchemyError, database away.
    """

    engine: Engine
    key: bytes = field(repr=False)
    leadership: Leadership
    holder: str

    def load(self, installation_id: int) -> Token | None:
        """The token that was saved last; None where there is none, or one of another key."""
        sealed = select(table.c.sealed).where(table.c.installation == installation_id)
        with reading(self.engine) as connection:
            found = connection.execute(sealed).scalar_one_or_none()
        return None if found is None else self._open(installation_id, found)

    def save(self, installation_id: int, token: Token) -> None:
        """Keep a token in the place of an older one. Safe to repeat."""
        # The installation stands inside too: a row under another's number opens nothing.
        told = asdict(token) | {"installation": installation_id}
        sealed = SecretBox(self.key).encrypt(json.dumps(told).encode())
        row = {"installation": installation_id, "sealed": sealed, "expires_at": token.expires_at}
        with writing(self.engine) as connection:
            if not insert_once(connection, table, row):
                older = update(table).where(table.c.installation == installation_id)
                connection.execute(older.values(row))
        self.leadership.release(_lease(installation_id), self.holder)

    def drop(self, installation_id: int, token: Token) -> None:
        """Forget `token`; one that was saved meanwhile is kept. Safe to repeat."""
        found = self.load(installation_id)
        if found is not None and found.value == token.value:
            same = (table.c.installation == installation_id) & (
                table.c.expires_at == token.expires_at
            )
            with writing(self.engine) as connection:
                connection.execute(delete(table).where(same))

    def may_renew(self, installation_id: int) -> bool:
        """Whether no other process is at it; then this one is, for a few seconds."""
        return self.leadership.holds(_lease(installation_id), self.holder, seconds=RENEWAL_SECONDS)

    def _open(self, installation_id: int, sealed: bytes) -> Token | None:
        try:
            told = json.loads(SecretBox(self.key).decrypt(sealed))
        except CryptoError:
            return None
        if told.pop("installation") != installation_id:
            return None
        return Token(SecretText(told["value"]), told["expires_at"], told["made_at"])


def _lease(installation_id: int) -> str:
    return f"token:{installation_id}"
