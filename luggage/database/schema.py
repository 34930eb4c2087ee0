"""Schema migrations with Alembic, without its command line.

A separate module because Alembic takes as long to load as SQLAlchemy, and the web process does not
need it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import as_file, files
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection

from luggage.database.history import History, SchemaError


@contextmanager
def _scripts(history: History) -> Iterator[ScriptDirectory]:
    """Give the migrations of a history, wherever its package is installed."""
    with ExitStack() as stack:
        folder = str(stack.enter_context(as_file(files(history.package))))
        yield ScriptDirectory(folder, version_locations=[folder])


def upgrade(connection: Connection, history: History, log: Callable[[str], object]) -> list[str]:
    """Apply the missing migrations of a history; return their revisions in order.

    Raises SchemaError when a newer release migrated the database.
    """
    with _scripts(history) as scripts:
        return _upgrade(connection, history, scripts, log)


def _upgrade(
    connection: Connection,
    history: History,
    scripts: ScriptDirectory,
    log: Callable[[str], object],
) -> list[str]:
    applied: list[str] = []

    def steps(revision: Any, _context: MigrationContext) -> Any:
        # Alembic's public commands need an env.py; this is the path to the newest revision.
        return scripts._upgrade_revs("head", revision)  # noqa: SLF001

    def report(*, step: Any, **_: object) -> None:
        applied.append(step.up_revision_id)
        log(f"migrated {history.name} to {step.up_revision_id}")

    context = _context(connection, history, fn=steps, on_version_apply=(report,))
    _refuse_unknown(history, scripts, context)
    with Operations.context(context):
        context.run_migrations()
    return applied


def _context(connection: Connection, history: History, **options: Any) -> MigrationContext:
    def include_name(name: str | None, type_: str, _parents: object) -> bool:
        return type_ != "table" or name in history.metadata.tables

    return MigrationContext.configure(
        connection,
        opts={
            "version_table": history.version_table,
            "transactional_ddl": True,
            "target_metadata": history.metadata,
            "include_name": include_name,
            "compare_type": True,
            **options,
        },
    )


def _refuse_unknown(history: History, scripts: ScriptDirectory, context: MigrationContext) -> None:
    for revision in context.get_current_heads():
        try:
            scripts.get_revision(revision)
        except (CommandError, ResolutionError):
            raise SchemaError(
                f"the database's {history.name} tables are at revision {revision}, which this "
                "release does not know; run the newer one that made it, or restore a backup"
            ) from None


def compare(connection: Connection, history: History) -> None:
    """Check that the tables match a history; raises SchemaError if not."""
    with _scripts(history) as scripts:
        _compare(connection, history, scripts)


def _compare(connection: Connection, history: History, scripts: ScriptDirectory) -> None:
    context = _context(connection, history)
    _refuse_unknown(history, scripts, context)
    current, newest = set(context.get_current_heads()), set(scripts.get_heads())
    if current != newest:
        raise SchemaError(
            f"the database's {history.name} tables are at revision {_names(current)}, this release "
            f"needs {_names(newest)}; run `migrate`"
        )
    differences = compare_metadata(context, history.metadata)
    if differences:
        raise SchemaError(
            f"the database's {history.name} tables differ from revision {_names(newest)}: "
            f"{'; '.join(map(_describe, differences))}; restore them, or a backup, by hand"
        )


def _names(revisions: set[str]) -> str:
    return ", ".join(sorted(revisions)) or "none"


def _describe(difference: Any) -> str:
    """Describe one of Alembic's differences; Alembic returns those of one column as a list."""
    if isinstance(difference, list):
        return "; ".join(map(_describe, difference))
    verb, *about = difference
    names = [getattr(thing, "name", thing) for thing in about]
    return " ".join([verb, *(str(name) for name in names if isinstance(name, str))])
