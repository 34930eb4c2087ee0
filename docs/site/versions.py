"""Versions in the output: one folder each, a list of them, and a page that leads to the newest.

The list is a script, not JSON: a page that is opened from a disk may load a script, but may not
fetch a file.
"""

import argparse
import json
import re
from pathlib import Path

from packaging.version import InvalidVersion, Version

# The version that is built when none is named: the state of the main branch.
UNRELEASED = "dev"
_NAME = re.compile(r"[0-9A-Za-z][\w.+-]*")
# Pages that each version has, wherever one comes from.
_NO_PAGES = {"search.html", "genindex.html"}


def name(text: str) -> str:
    """Return a version's name, which is also its folder; raise ArgumentTypeError for another."""
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a version; write 1.2.0 or {UNRELEASED}")
    return text


def write(output: Path) -> None:
    """List the versions that are in the output; repeating gives the same."""
    found = sorted((path.name for path in output.iterdir() if path.is_dir()), key=_age)
    listed = [{"name": version, "pages": _pages(output / version)} for version in found]
    (output / "versions.js").write_text(f"showVersions({json.dumps(listed, indent=1)});\n")
    newest = next((version for version in found if _is_release(version)), found[0])
    (output / "index.html").write_text(
        f'<!doctype html><meta charset="utf-8"><title>Portmanteau</title>'
        f'<meta http-equiv="refresh" content="0; url={newest}/index.html">'
        f'<a href="{newest}/index.html">Portmanteau</a>\n'
    )
    # GitHub Pages leaves out folders such as _static without it.
    (output / ".nojekyll").touch()


def _pages(folder: Path) -> list[str]:
    paths = [str(path.relative_to(folder)) for path in folder.rglob("*.html")]
    return sorted(path for path in paths if not path.startswith("_") and path not in _NO_PAGES)


def _age(version: str) -> tuple[bool, list[int], str]:
    """Order releases from the newest, then everything else."""
    if not _is_number(version):
        return True, [], version
    return False, [-part for part in Version(version).release], version


def _is_number(version: str) -> bool:
    try:
        Version(version)
    except InvalidVersion:
        return False
    return True


def _is_release(version: str) -> bool:
    return _is_number(version) and not Version(version).is_prerelease
