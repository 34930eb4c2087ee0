"""Parts of the sources whose mutants are tested, each with the tests that must kill them."""

from dataclasses import dataclass

from tests.support.locks import ROOT

TESTS = {
    "bot/actions": ("tests/bot/actions",),
    "bot/loop": ("tests/bot/loop",),
    "luggage/jobs": (
        "tests/luggage/jobs",
        "tests/contracts/test_group_commit.py",
        "tests/contracts/test_leader.py",
        "tests/contracts/test_queue*.py",
    ),
    "luggage/github": (
        "tests/luggage/github",
        "tests/contracts/test_limit_memory.py",
        "tests/contracts/test_token_store.py",
    ),
}


@dataclass(frozen=True)
class Part:
    """A part: its name, glob patterns of its sources, and the paths of its tests."""

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]


def part(name: str) -> Part:
    """The part with this name: a package, or one file of it. Raises LookupError."""
    package = next((each for each in TESTS if name == each or name.startswith(f"{each}/")), None)
    if package is None:
        raise LookupError(f"no such part: {name}; the parts are {', '.join(TESTS)}")
    sources = (name,) if name.endswith(".py") else (f"{name}/*.py", f"{name}/*/*.py")
    if not any(path for each in sources for path in ROOT.glob(each)):
        raise LookupError(f"no such part: {name}; there is no such file")
    tests = (path for each in TESTS[package] for path in sorted(ROOT.glob(each)))
    return Part(name, sources, tuple(str(path.relative_to(ROOT)) for path in tests))
