"""Builds the distribution `luggage`: version, dependencies and extras from what the bot has."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import setup

HERE = Path(__file__).parent
# Of the environment, not of the bot: it runs pip.
TOOLS = {"pip": "pip"}


def requirements() -> Mapping[str, str]:
    """Return each line of requirements.in by the name of its library."""
    lines = (HERE / "requirements.in").read_text(encoding="utf-8").splitlines()
    named = [line for line in lines if line and not line.startswith("#")]
    return TOOLS | {re.split(r"[^\w.-]", line, maxsplit=1)[0]: line for line in named}


def read(name: str) -> dict:
    """Return a document of TOML next to this file."""
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


known, table = requirements(), read("pyproject.toml")["tool"]["luggage"]
with TemporaryDirectory() as place:
    setup(
        version=read("portmanteau.toml")["project"]["version"],
        install_requires=[known[name] for name in table["core"]["requires"]],
        extras_require={
            extra: [known[name] for name in about["requires"]]
            for extra, about in table["extras"].items()
        },
        options={"build": {"build_base": place}},
    )
