"""Migrated databases for tests: what the migrations say to an empty one is said again to the next.

Alembic takes a third of a second to work that out for each database, and there are two thousand;
the statements themselves take a hundredth. tests/luggage/test_database.py has the real thing.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, event

from bot_deploy.config import Config
from bot_deploy.wiring.parts import HISTORIES, open_database
from luggage import database
from luggage.database import History, writing

# The rest only looks: whether a table of versions is there, who else migrates.
_CHANGES = ("ALTER", "CREATE", "DELETE", "DROP", "INSERT", "UPDATE")
_Statements = list[tuple[str, Any]]
_known: dict[tuple[str, History], _Statements] = {}


def migrated(engine: Engine, histories: Sequence[History]) -> Engine:
    """Bring a database with no table of these histories to their newest revisions; return it.

    Not to be repeated, unlike `migrate`.
    """
    for history in histories:
        key = (engine.dialect.name, history)
        if key in _known:
            _say_again(engine, _known[key])
        else:
            _known[key] = _migrate_and_listen(engine, history)
    return engine


def _say_again(engine: Engine, statements: _Statements) -> None:
    with writing(engine) as connection:
        cursor = connection.connection.cursor()
        for statement, parameters in statements:
            cursor.execute(statement, parameters)
        cursor.close()


def _migrate_and_listen(engine: Engine, history: History) -> _Statements:
    heard: _Statements = []

    def listen(_connection, _cursor, statement, parameters, _context, _many):
        if statement.lstrip().startswith(_CHANGES):
            heard.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", listen)
    try:
        database.migrate(engine, [history], log=lambda _line: None)
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    return heard


def migrated_for(config: Config) -> None:
    """Bring the new database of a configuration to the newest revisions."""
    engine = open_database(config)
    try:
        migrated(engine, HISTORIES)
    finally:
        engine.dispose()
