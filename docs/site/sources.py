"""Sphinx sources: docs/ as it is, the pages of the root, the API pages, the navigation.

They are written into a folder of their own, so that docs/ stays plain Markdown.
"""

import shutil
from pathlib import Path

from docs.site.api_pages import api_page
from docs.site.navigation import MODULES, NAVIGATION, ROOT_PAGES

# Folders of docs/ that hold no pages.
_NO_PAGES = shutil.ignore_patterns("site", "__pycache__")


def gather(root: Path, into: Path) -> None:
    """Write all sources of the site into an empty or missing folder; repeating replaces it."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(root / "docs", into, ignore=_NO_PAGES)
    for readme in into.rglob("README.md"):
        readme.rename(readme.with_name("index.md"))
    for name, page in ROOT_PAGES.items():
        shutil.copyfile(root / name, into / f"{page}.md")
    (into / "api").mkdir()
    for module in MODULES:
        (into / "api" / f"{module}.rst").write_text(api_page(module))
    _append(into / "index.md", *_navigation())
    _append(into / "decisions" / "index.md", _toctree(["[0-9]*"], glob=True, hidden=False))


def origin(root: Path, page: str) -> Path:
    """Return the file that a page is written in: `model/index` is docs/model/README.md."""
    for name, root_page in ROOT_PAGES.items():
        if page == root_page:
            return root / name
    path = root / "docs" / page
    name = "README.md" if path.name == "index" else f"{path.name}.md"
    return path.with_name(name)


def page_of(root: Path, path: Path) -> str | None:
    """Return the page that a file of the repository becomes, or None; README.md is the index."""
    if path == root / "README.md":
        return "index"
    if path.parent == root:
        return ROOT_PAGES.get(path.name)
    if path.suffix != ".md" or not path.is_relative_to(root / "docs"):
        return None
    page = path.relative_to(root / "docs").with_suffix("")
    return str(page.with_name("index") if page.name == "README" else page)


def _append(page: Path, *blocks: str) -> None:
    page.write_text("\n".join([page.read_text(), *blocks]))


def _navigation() -> list[str]:
    return [_toctree(list(pages), caption=caption) for caption, pages in NAVIGATION.items()]


def _toctree(
    pages: list[str], *, caption: str = "", glob: bool = False, hidden: bool = True
) -> str:
    options = [
        f":caption: {caption}" * bool(caption),
        ":glob:" * glob,
        ":hidden:" * hidden,
        ":maxdepth: 1",
    ]
    lines = [*filter(None, options), "", *pages]
    return "```{toctree}\n" + "\n".join(lines) + "\n```\n"
