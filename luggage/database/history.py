"""Migration histories, and the error for a database that does not match them."""

from dataclasses import dataclass

from sqlalchemy import MetaData

from luggage.database.file_errors import VERSIONS


class SchemaError(Exception):
    """The database does not match the code; the message says what differs and what to do."""


@dataclass(frozen=True)
class History:
    """A line of migrations: its name, package and tables; `{name}_version` holds the revision."""

    name: str
    package: str
    metadata: MetaData

    @property
    def version_table(self) -> str:
        """Return the name of the table that holds the revision."""
        return f"{self.name}{VERSIONS}"
