"""Dispatcher of `portmanteau SUBCOMMAND`: each module of this package that says so is one.

mainland dispatches. It is kept from its traps: on Python 3 an unknown name, or an ImportError
inside a subcommand, ends in an UnboundLocalError that hides the cause. So the name is looked up and
the module imported before mainland does it again.
"""

import ast
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
_INTERRUPTED = 130  # what shells say of a program that a Ctrl-C ended
_HUNG_UP = 141  # and of one that nobody listened to any more (SIGPIPE)

# Errors that are the operator's to mend: their message is a line with the remedy, a traceback would
# hide it. Named, not imported, because an error is only raised where its module is loaded already.
_FOR_THE_OPERATOR = {
    "bot.operations.history.deliveries": ("UnknownDelivery",),
    "bot.operations.replay": ("ReplayError",),
    "bot.operations.why": ("NotOurs",),
    "bot_deploy.config.sources": ("ConfigError",),
    "luggage.crypto": ("SecretError",),
    "luggage.database": ("DatabaseUrlError", "SchemaError"),
    "luggage.github": ("ConfigurationError", "RequestFailed"),
    "luggage.jobs": ("WrongState",),
    "luggage.run": ("ChildError",),
    "sqlalchemy.exc": ("OperationalError",),
}


def subcommands() -> dict[str, str]:
    """Return each subcommand's name and its summary, a line; nothing is imported for it."""
    found = {}
    for name in _modules():
        constants = _constants(name)
        if constants.get(MARKER) is True:
            found[name] = str(constants.get("SUMMARY", ""))
    return found


def script() -> int:
    """Run as the console script `portmanteau` and return the exit code."""
    return main(sys.argv, os.environ)


def main(argv: Sequence[str], environ: MutableMapping[str, str]) -> int:
    """Run the subcommand that `argv` names and return its exit code; 2 for an unknown one."""
    _obey_supervisor(environ)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As on stderr: what the locale has no letter for is written as its number.
        sys.stdout.reconfigure(errors="backslashreplace")
    name = argv[1] if len(argv) > 1 else "--help"
    if other := _over_ours():
        print(f"{program()}: {other}", file=sys.stderr)
        return 1
    if name in _OPTIONS:
        print(_usage(subcommands()) if name != "--version" else _version())
        return 0
    # Of the named module alone is the source read: all of them are a tenth of a second.
    if name not in _modules() or _constants(name).get(MARKER) is not True:
        print(_unknown(name, [*subcommands(), *_OPTIONS]), file=sys.stderr)
        return 2
    return _run(name, list(argv))


def _run(name: str, argv: list[str]) -> int:
    """Run a subcommand that is known to be one, and return its exit code."""
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
    """End quietly when whoever read our output has left, as `head` does."""
    # What is still to be written would raise again as the interpreter ends.
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
    return "\n".join([first, "", *lines, "", f"`{program()} SUBCOMMAND --help` says more."])


def _unknown(name: str, known: Sequence[str]) -> str:
    """Return the error for a name that is none: what may be meant, and where the list is."""
    from difflib import get_close_matches  # noqa: PLC0415  for mistakes alone

    kind = "option" if name.startswith("-") else "subcommand"
    meant = get_close_matches(name, known, n=1)
    question = f"; did you mean {meant[0]!r}?" if meant else ""
    first = f"{program()}: there is no {kind} {name!r}{question}"
    return f"{first}\n`{program()} --help` lists what there is"


def _over_ours() -> str:
    """Return what is wrong where a distribution `luggage` has replaced the bot's own copy.

    Both put files into one folder. The same version is no harm; docs/decisions/0122.
    """
    folder = Path(run.__file__).parents[2]
    installed = (path.stem.partition("-") for path in folder.glob("*.dist-info"))
    versions = {name: version for name, _, version in installed}
    library, ours = versions.get("luggage"), versions.get("portmanteau")
    if library is None or ours is None or library == ours:
        return ""
    return (
        f"the distribution luggage {library} has replaced the bot's own files, of {ours}: "
        "uninstall both, and install portmanteau again, in an environment of its own"
    )


def _version() -> str:
    from bot_deploy.version import build  # noqa: PLC0415  reads what is installed

    return f"portmanteau {build()['version']}"


def _is_for_the_operator(error: Exception) -> bool:
    """Say whether it is a known error, or a file or directory that cannot be used."""
    known = tuple(
        getattr(sys.modules[module], name)
        for module, names in _FOR_THE_OPERATOR.items()
        for name in names
        if module in sys.modules
    )
    return isinstance(error, known) or (isinstance(error, OSError) and bool(error.filename))


def _words(error: Exception) -> str:
    """What is wrong, in one line."""
    if isinstance(error, OSError) and error.filename:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    # The first line alone: SQLAlchemy's further ones quote statements.
    return str(error).splitlines()[0]


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
