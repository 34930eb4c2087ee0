"""`mkpex`: packs the whole bot into one file.

`python -m bot_deploy.mkpex` works before anything is installed, as in build.docker: packing needs
only Python and pip.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bot_deploy
from bot_deploy.arguments import program, progress, subcommand_parser
from luggage.buildpex import Build, BuildError, Built, Commit, Recipe, check_contents, commit_of

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "pack the bot into one file, bot.pex, byte for byte the same for the same commit"

# The files that the bot's wheel is built from, or that decide its contents.
CONTENTS = (
    "setup.py",
    "pyproject.toml",
    "requirements.in",
    "README.md",
    "LICENSE",
    "bot",
    "luggage",
    "bot_deploy",
)
LISTS = ("requirements.txt", "requirements-build.txt")


def main(argv: list[str]) -> int:
    """Build the pex and print its path; returns 1 if a step fails or two builds differ."""
    parser = _parser(argv)
    options = parser.parse_args(argv[1:])
    if (options.commit is None) != (options.committed_at is None):
        parser.error("--commit and --committed-at go together")
    try:
        return _make(options)
    except BuildError as error:
        print(f"{program()} mkpex: {error}", file=sys.stderr)
        return 1


def recipe(root: Path, commit: Commit | None = None) -> Recipe:
    """Return the recipe of the bot's pex in the checkout `root`; asks git for the commit.

    Raises BuildError without git.
    """
    return Recipe(
        root=root,
        contents=CONTENTS,
        name="portmanteau",
        package="bot_deploy",
        commit=commit or commit_of(root, (*CONTENTS, *LISTS)),
        requirements=LISTS[0],
        build_requirements=LISTS[1],
    )


def _make(options: argparse.Namespace) -> int:
    root = options.source.absolute()
    check_contents(root, LISTS)
    if options.download:
        build_of(recipe(root, Commit("none", 0))).fill(options.download.absolute())
        return 0
    check_contents(root, CONTENTS)
    commit = Commit(options.commit, options.committed_at) if options.commit else None
    build = build_of(recipe(root, commit))
    if build.recipe.commit.dirty:
        progress("the tree has uncommitted changes: nobody else can reproduce this build")
    with _wheelhouse(options, build) as wheels:
        return _build(build, options.output.absolute(), wheels, twice=options.twice)


def build_of(what: Recipe) -> Build:
    """Return the build of a recipe, with progress on stdout."""
    return Build(recipe=what, environ=os.environ, tell=progress)


def _build(build: Build, output: Path, wheels: Path, *, twice: bool) -> int:
    if not twice:
        _report(build.make(output, wheels))
        return 0
    built, again = build.make_twice(output, wheels, sleep=time.sleep)
    _report(built)
    if built.sha256 != again.sha256:
        raise BuildError("the two builds differ")
    print("both builds are the same, byte for byte")
    return 0


@contextmanager
def _wheelhouse(options: argparse.Namespace, build: Build) -> Iterator[Path]:
    """Yield the wheelhouse: the given directory, or a new one."""
    if options.wheelhouse:
        yield options.wheelhouse.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="mkpex-") as directory:
        build.fill(Path(directory))
        yield Path(directory)


def _report(built: Built) -> None:
    print(f"{built.sha256}  {os.path.relpath(built.pex)}")
    megabytes = built.pex.stat().st_size / 1e6
    print(f"{megabytes:.1f} MB; bill of materials: {os.path.relpath(built.bill)}")


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    parser = subcommand_parser(
        argv,
        f"{SUMMARY}. The file runs on this Python version and this kind of machine.",
        config=False,
    )
    add = parser.add_argument
    add(
        "-o",
        "--output",
        type=Path,
        default=Path("bot.pex"),
        help="file to write (default: %(default)s)",
    )
    houses = parser.add_mutually_exclusive_group()
    houses.add_argument(
        "--download",
        type=Path,
        metavar="DIR",
        help="only download the wheels into DIR, a new directory",
    )
    houses.add_argument(
        "--wheelhouse",
        type=Path,
        metavar="DIR",
        help="build from the wheels in DIR, without a network",
    )
    add("--twice", action="store_true", help="build twice; exit with 1 if the builds differ")
    root = Path(bot_deploy.__file__).parent.parent
    add(
        "--source",
        type=Path,
        metavar="DIR",
        default=root,
        help="checkout to pack (default: this one)",
    )
    add("--commit", metavar="HASH", help="the commit, if git is not available")
    add(
        "--committed-at",
        type=int,
        metavar="SECONDS",
        help="time of the commit, since the epoch (git's %%ct)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(["mkpex", *sys.argv[1:]]))
