"""A small documentation tree that the real builder builds, to plant faults in."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NAVIGATION = '''
"""Navigation of a planted site."""
MODULES = ("planted",)
ROOT_PAGES = {"CHANGELOG.md": "changelog"}
NAVIGATION = {"All": ("page", "api/planted", "decisions/index", "changelog")}
'''
WHOLE = {
    "CHANGELOG.md": "# Changelog\n\nSee [the page](docs/page.md) and [the module](planted.py).\n",
    "docs/README.md": "# Index\n\n[Page](page.md#part), [changes](../CHANGELOG.md), `planted`.\n",
    "docs/page.md": "# Page\n\n## Part\n\n[The record](decisions/0001-one.md)\n",
    "docs/decisions/README.md": "# Decisions\n",
    "docs/decisions/0001-one.md": "# One\n\n[All](README.md)\n",
    "planted.py": '"""A module."""\n\n__all__ = ["fine"]\n\n\ndef fine():\n    """Do `fine`."""\n',
}


def plant(root: Path, files: dict[str, str]) -> None:
    """Write a tree that builds, with these files in it or instead of its own."""
    shutil.copytree(ROOT / "docs" / "site", root / "docs" / "site")
    for name, text in {**WHOLE, "docs/site/navigation.py": _NAVIGATION, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def build(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m docs.site` in a tree."""
    return subprocess.run(
        [sys.executable, "-m", "docs.site", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
