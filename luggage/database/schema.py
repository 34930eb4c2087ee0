"""Alembic, driven by calls: the way to a history's newest revision, and what differs from it.

A module of its own, so that Alembic is loaded by those who migrate or check, and by nobody else: it
takes as long to load as SQLAlchemy, and the web process needs none of it.
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
    """Give the migrations of a history, from wherever its package is installed."""
    with ExitStack() as stack:
        folder = str(stack.enter_context(as_file(files(history.package))))
        yield ScriptDirectory(folder, version_locations=[folder])


def upgrade(connection: Connection, history: History, log: Callable[[str], object]) -> list[str]:
    """Apply what is missing of a history; return the revisions applied, in their order.

    Raises SchemaError when the database was migrated by a newer release.
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
        # Alembic's own name for "the path from here to the newest"; its public commands want an
        # env.py.
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
                "release does not know: a newer one migrated them; run that, or restore a backup"
            ) from None


def compare(connection: Connection, history: History) -> None:
    """Return when the tables are just what a history leads to; raises SchemaError otherwise."""
    with _scripts(history) as scripts:
        _compare(connection, history, scripts)


def _compare(connection: Connection, history: History, scripts: ScriptDirectory) -> None:
    context = _context(connection, history)
    _refuse_unknown(history, scripts, context)
    found, wanted = set(context.get_current_heads()), set(scripts.get_heads())
    if found != wanted:
        raise SchemaError(
            f"the database's {history.name} tables are at revision {_names(found)}, this release "
            f"needs {_names(wanted)}; `migrate` brings it there"
        )
    differences = compare_metadata(context, history.metadata)
    if differences:
        raise SchemaError(
            f"the database's {history.name} tables differ from revision {_names(wanted)}: "
            f"{'; '.join(map(_describe, differences))}; restore them, or a backup, by hand"
        )


def _names(revisions: set[str]) -> str:
    return ", ".join(sorted(revisions)) or "none"


def _describe(difference: Any) -> str:
    """Put one of Alembic's differences into a few words; those within one column come as a list."""
    if isinstance(difference, list):
        return "; ".join(map(_describe, difference))
    verb, *about = difference
    names = [getattr(thing, "name", thing) for thing in about]
    return " ".join([verb, *(str(name) for name in names if isinstance(name, str))])
