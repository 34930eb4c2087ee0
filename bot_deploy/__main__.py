"""Dispatcher of `portmanteau SUBCOMMAND`: finds the subcommand's module, and lets mainland run it.

On Python 3, mainland turns an unknown name, or an ImportError in a subcommand, into an
UnboundLocalError that hides the cause. So the dispatcher imports the module first.
"""

import ast
import errno
import importlib
import importlib.util
import io
import os
import pkgutil
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

import mainland

import bot_deploy
from bot_deploy.arguments import program
from luggage import run

MARKER = "BOT_DEPLOY_MAIN_OK"
_OPTIONS = ("-h", "--help", "--version")
_INTERRUPTED = 130  # a shell's exit code after a Ctrl-C
_HUNG_UP = 141  # and after SIGPIPE, when the reader has closed the pipe

# System errors without a file name that the operator can fix.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EISDIR}
_ALLOW = f"let the bot's user ({os.geteuid()}) use it, or name another place"
# What to do about a system error; "check the path" for any other.
_REMEDIES = {
    errno.EACCES: _ALLOW,
    errno.EPERM: _ALLOW,
    errno.EROFS: "mount its disk for writing, or name another place",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EIO: "check the disk",
    errno.EISDIR: "name a file",
    errno.EINVAL: "name a file",
    errno.EEXIST: "name a new file, or move that one away",
    errno.EFBIG: "name a smaller file",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "allow more open files (ulimit -n)",
}

# Errors that the operator can fix: printed as one line with the remedy, without a traceback. Named
# instead of imported: a module that raised its error is already loaded.
_FOR_THE_OPERATOR = {
    "bot.operations.history.deliveries": ("UnknownDelivery",),
    "bot.operations.replay": ("ReplayError",),
    "bot.operations.why": ("NotOurs",),
    "bot_deploy.config.sources": ("ConfigError",),
    "luggage.crypto": ("SecretError",),
    "luggage.database": ("DamagedFileError", "DatabaseUrlError", "SchemaError"),
    "luggage.database.backup": ("BackupError",),
    "luggage.database.transfer": ("TransferError",),
    "luggage.github": ("ConfigurationError", "RequestFailed"),
    "luggage.jobs": ("WrongState",),
    "luggage.run": ("ChildError", "HandoverError"),
    "sqlalchemy.exc": ("OperationalError",),
}


def subcommands() -> dict[str, str]:
    """Return the name and one-line summary of each subcommand, without importing it."""
    summaries = {}
    for name in _modules():
        constants = _constants(name)
        if constants.get(MARKER) is True:
            summaries[name] = str(constants.get("SUMMARY", ""))
    return summaries


def script() -> int:
    """Run as the console script `portmanteau` and return the exit code."""
    return main(sys.argv, os.environ)


def main(argv: Sequence[str], environ: MutableMapping[str, str]) -> int:
    """Run the subcommand that `argv` names and return its exit code; 2 for an unknown one."""
    _obey_supervisor(environ)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As on stderr: escape characters that the locale's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    name = argv[1] if len(argv) > 1 else "--help"
    if problem := _foreign_library():
        print(f"{program()}: {problem}", file=sys.stderr)
        return 1
    if name in _OPTIONS:
        print(_usage(subcommands()) if name != "--version" else _version())
        return 0
    # Only this module's source is read: all of them would take a tenth of a second.
    if name not in _modules() or _constants(name).get(MARKER) is not True:
        print(_unknown(name, [*subcommands(), *_OPTIONS]), file=sys.stderr)
        return 2
    return _run(name, list(argv))


def _run(name: str, argv: list[str]) -> int:
    """Run a known subcommand and return its exit code."""
    try:
        importlib.import_module(f"bot_deploy.{name}")
        code = int(mainland.main(argv=argv, root="bot_deploy", marker=MARKER) or 0)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        return _hung_up()
    except Exception as error:
        if not _is_for_the_operator(error):
            raise
        print(f"{program()} {name}: {_words(error)}", file=sys.stderr)
        return 1
    return code


def _hung_up() -> int:
    """Exit quietly after the reader closed our output, as `head` does."""
    # Flushing buffered output would raise again when the interpreter exits.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _HUNG_UP


def _obey_supervisor(environ: MutableMapping[str, str]) -> None:
    supervisor = environ.pop(run.SUPERVISOR, "")
    if supervisor:
        run.leave_terminal()
        run.end_with_parent(int(supervisor))


def _usage(known: Mapping[str, str]) -> str:
    width = max(map(len, known), default=0)
    lines = [f"  {name:<{width}}  {summary}" for name, summary in sorted(known.items())]
    first = f"usage: {program()} [--version] SUBCOMMAND [ARGUMENT...]"
    return "\n".join([first, "", *lines, "", f"`{program()} SUBCOMMAND --help` explains one."])


def _unknown(name: str, known: Sequence[str]) -> str:
    """Return the error for an unknown name, with a suggestion."""
    from difflib import get_close_matches  # noqa: PLC0415  only for mistakes

    kind = "option" if name.startswith("-") else "subcommand"
    close = get_close_matches(name, known, n=1)
    question = f"; did you mean {close[0]!r}?" if close else ""
    first = f"{program()}: there is no {kind} {name!r}{question}"
    return f"{first}\n`{program()} --help` lists all subcommands"


def _foreign_library() -> str:
    """Return a problem if a distribution `luggage` has replaced the bot's own files; else "".

    The same version does no harm: docs/decisions/0122.
    """
    folder = Path(run.__file__).parents[2]
    installed = (path.stem.partition("-") for path in folder.glob("*.dist-info"))
    versions = {name: version for name, _, version in installed}
    library, ours = versions.get("luggage"), versions.get("portmanteau")
    if library is None or ours is None or library == ours:
        return ""
    return (
        f"the distribution luggage {library} has replaced the bot's own files, of {ours}: "
        "uninstall both, then install portmanteau in a separate environment"
    )


def _version() -> str:
    from bot_deploy.version import build  # noqa: PLC0415  reads what is installed

    return f"portmanteau {build()['version']}"


def _is_for_the_operator(error: Exception) -> bool:
    """Return whether it is a known error, or about a file or directory."""
    known = tuple(
        getattr(sys.modules[module], name)
        for module, names in _FOR_THE_OPERATOR.items()
        for name in names
        if module in sys.modules
    )
    return isinstance(error, known) or (
        isinstance(error, OSError) and (bool(error.filename) or error.errno in _DISK)
    )


def _words(error: Exception) -> str:
    """Return the error in one line."""
    if isinstance(error, OSError):
        name = error.filename or "input or output"
        place = os.fsdecode(name) if isinstance(name, str | bytes) else str(name)
        remedy = _REMEDIES.get(error.errno or 0, "check the path")
        return f"{place}: {error.strerror}: {remedy}"
    text = str(error)
    if hasattr(error, "statement") and not hasattr(error, "explanation"):
        # Further lines quote statements.
        problem = next(iter(str(getattr(error, "orig", "")).splitlines()), type(error).__name__)
        text = f"the database does not answer ({problem}): check that it runs, and DATABASE_URL"
    return " ".join(text.split())


def _modules() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(bot_deploy.__path__)}


def _constants(module: str) -> dict[str, object]:
    """Return the constants at the top level of a module of this package, from its source."""
    spec = importlib.util.find_spec(f"bot_deploy.{module}")
    source = getattr(spec and spec.loader, "get_source", lambda _: None)(f"bot_deploy.{module}")
    return {
        statement.targets[0].id: statement.value.value
        for statement in ast.parse(source or "").body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and isinstance(statement.value, ast.Constant)
    }


if __name__ == "__main__":
    sys.exit(script())
