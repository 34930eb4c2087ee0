"""Migrated databases for tests, created by replaying recorded statements.

Alembic takes a third of a second to plan the migrations of a database, and there are two thousand;
the statements take a hundredth. tests/luggage/test_database.py tests the real migrations.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, event

from bot_deploy.config import Config
from bot_deploy.wiring.parts import HISTORIES, open_database
from luggage import database
from luggage.database import History, writing

# The other statements only read: version tables, concurrent migrations.
_CHANGES = ("ALTER", "CREATE", "DELETE", "DROP", "INSERT", "UPDATE")
_Statements = list[tuple[str, Any]]
_known: dict[tuple[str, History], _Statements] = {}


def migrated(engine: Engine, histories: Sequence[History]) -> Engine:
    """Migrate an empty database to the newest revisions, once; returns it."""
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
    """Migrate the new database of a configuration."""
    engine = open_database(config)
    try:
        migrated(engine, HISTORIES)
    finally:
        engine.dispose()
