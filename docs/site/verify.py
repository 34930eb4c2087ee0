"""Check of the built pages, whatever generator wrote them.

* Each link inside the site leads to a file, and its fragment to an element.
* No page or stylesheet loads anything from another host.
* Each link to another host is a complete https address.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser loads by itself, tag by tag.
_LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}
_LOADING_RELATIONS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch"}
_IN_STYLES = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")
# Places of the reader's own machine, as examples name them.
_LOCAL = {"localhost", "127.0.0.1"}


@dataclass
class _Page(HTMLParser):
    """The ids of a page, its links, and what it loads."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in _LOADED and _LOADED[tag] in found:
            self.loaded.append(found[_LOADED[tag]])
        if tag == "link" and _LOADING_RELATIONS & set(found.get("rel", "").split()):
            self.loaded.append(found.get("href", ""))
        self.loaded += _IN_STYLES.findall(found.get("style", ""))


def findings(site: Path) -> Iterator[str]:
    """Yield what is wrong, one line each; nothing for a site that is whole."""
    pages = {path: _read(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        place = path.relative_to(site)
        for link in page.links:
            yield from (f"{place}: {link}: {wrong}" for wrong in _wrong(pages, site, path, link))
        for address in page.loaded:
            if urlsplit(address).netloc:
                yield f"{place}: loads {address} from another host"
            elif not address.startswith("data:") and not _target(path, address).is_file():
                yield f"{place}: loads {address}, which is not there"
    for path in sorted(site.rglob("*.css")):
        for address in _IN_STYLES.findall(path.read_text()):
            yield f"{path.relative_to(site)}: loads {address} from another host"


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text())
    return page


def _wrong(pages: dict[Path, _Page], site: Path, page: Path, link: str) -> Iterator[str]:
    parts = urlsplit(link)
    if parts.scheme in {"http", "https"}:
        yield from _wrong_address(link)
    elif parts.scheme not in {"", "mailto"}:
        yield f"the scheme {parts.scheme} is not one of the web"
    elif not parts.scheme:
        target = _target(page, parts.path) if parts.path else page
        if not target.is_relative_to(site) or not target.is_file():
            yield "leads nowhere"
        elif parts.fragment and unquote(parts.fragment) not in _ids(pages, target):
            yield "names nothing on its page"


def _ids(pages: dict[Path, _Page], target: Path) -> set[str]:
    return pages[target].ids if target in pages else set()


def _wrong_address(link: str) -> Iterator[str]:
    host = urlsplit(link).hostname or ""
    if host in _LOCAL:
        return
    if not link.startswith("https://"):
        yield "is not https"
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host):
        yield "names no host"


def _target(page: Path, path: str) -> Path:
    return (page.parent / unquote(urlsplit(path).path)).resolve()
