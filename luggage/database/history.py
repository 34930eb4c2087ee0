"""A line of migrations, and the error for a database that is not where it leads."""

from dataclasses import dataclass

from sqlalchemy import MetaData


class SchemaError(Exception):
    """The database and the code do not fit; the message says what differs and what to do."""


@dataclass(frozen=True)
class History:
    """One line of migrations: its name, the package its files live in, and the tables it leads to.

    The version reached is kept in the table ``{name}_version``, so that several histories share a
    database.
    """

    name: str
    package: str
    metadata: MetaData

    @property
    def version_table(self) -> str:
        """Return the name of the table which holds the revision reached."""
        return f"{self.name}_version"
