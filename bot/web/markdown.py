"""Markdown of comments as HTML: as GitHub shows them, but without raw HTML and without images.

The text is outside text: markup in HTML stays visible as text, an image becomes a link to it, and
links lead only to http, https and mail (docs/decisions/0199). Headings become paragraphs, because
the page has headings of its own.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urljoin

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from luggage.telemetry.redact import scrub, visible

# GitHub takes 65,536. The worst forms take half a second for this many.
MOST_CHARACTERS = 10_000
# Short rows of a wide table are filled up: 10,000 characters would become millions of cells.
_MOST_CELLS = 2_000
_RELATIONS = "nofollow noreferrer"
_SMALL = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("strikethrough")
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(
    ["table", "strikethrough"]
)
# What GitHub makes links of by itself: addresses, people and teams, issues.
_AUTOMATIC = re.compile(
    r"(?P<address>\bhttps?://[^\s<>()\"']{1,2000})"
    r"|(?<![\w/`@.])@(?P<login>[A-Za-z0-9][A-Za-z0-9-]{0,38})(?![\w/-])"
    r"|(?<![\w/#-])(?P<place>[\w.-]{1,39}/[\w.-]{1,100})?#(?P<number>[0-9]{1,10})\b"
)
# Those of the bot's own texts; GitHub draws them as pictures.
_EMOJI = {
    ":tada:": "\N{PARTY POPPER}",
    ":wave:": "\N{WAVING HAND SIGN}",
    ":heart:": "\N{HEAVY BLACK HEART}",
    ":rocket:": "\N{ROCKET}",
    ":+1:": "\N{THUMBS UP SIGN}",
    ":eyes:": "\N{EYES}",
    ":snake:": "\N{SNAKE}",
}
_SHORTCODE = re.compile("|".join(map(re.escape, _EMOJI)))
_WEB = ("http://", "https://", "mailto:")


def comment_html(text: str, *, server_url: str, place: str = "") -> Markup:
    """A comment as HTML that is safe to put into a page.

    `place` is `owner/repo#number` of the issue, for what the text names relative to it. A text of
    more than MOST_CHARACTERS is cut, and says so.
    """
    shown = visible(scrub(_without_hidden(text[:MOST_CHARACTERS])))
    repository, _, number = place.partition("#")
    base = f"{server_url}/{repository}/issues/{number}" if number else f"{server_url}/"
    lines = shown.split("\n")
    cells = len(lines) * max(line.count("|") for line in lines)
    markdown = _MARKDOWN if cells <= _MOST_CELLS else _SMALL
    tokens = markdown.parse(shown)
    for token in tokens:
        _make_quiet(token)
        if token.type == "inline":
            token.children = list(_inline(token.children or [], server_url, repository, base))
    html = markdown.renderer.render(tokens, markdown.options, {})
    more = len(text) - MOST_CHARACTERS
    rest = f'<p class="faint">… [{more:,} more characters]</p>' if more > 0 else ""
    return Markup(html + rest)  # noqa: S704  the renderer escapes text; raw HTML is off


def _without_hidden(text: str) -> str:
    """The text without HTML comments, such as hidden markers; GitHub does not show them, either."""
    shown, end = [], 0
    while (start := text.find("<!--", end)) >= 0 and (stop := text.find("-->", start)) >= 0:
        shown.append(text[end:start])
        end = stop + len("-->")
    return "".join([*shown, text[end:]])


def _make_quiet(token: Token) -> None:
    """Replace what would change the outline of the page."""
    if token.type in {"heading_open", "heading_close"}:
        token.tag = "p"
        token.attrs = {"class": "heading"} if token.nesting == 1 else {}
    elif token.tag == "th":
        token.tag = "td"
    elif token.type == "fence":
        token.info = ""


def _inline(
    tokens: Sequence[Token], server_url: str, repository: str, base: str
) -> Iterator[Token]:
    """The tokens of a paragraph, with GitHub's own links, and without images."""
    depth = 0
    for at, token in enumerate(tokens):
        match token.type:
            case "link_open":
                depth += 1
                href = _joined(base, token.attrs.get("href"))
                yield _link_to(href)
                if tokens[at + 1].type == "link_close":
                    yield _text(href)
            case "link_close":
                depth -= 1
                yield token
            case "image":
                source = _joined(base, token.attrs.get("src"))
                words = f"[image: {token.content or source}]"
                yield from [_text(words)] if depth else _link(source, words)
            case "text" if not depth:
                yield from _automatic(_with_emoji(token.content), server_url, repository)
            case _:
                token.content = (
                    _with_emoji(token.content) if token.type == "text" else token.content
                )
                yield token


def _joined(base: str, address: Any) -> str:
    """A relative address as a browser on the issue's page would read it; "" for no address."""
    try:
        return urljoin(base, str(address or ""))
    except ValueError:
        return ""


def _automatic(text: str, server_url: str, repository: str) -> Iterator[Token]:
    """A text with links where GitHub makes some."""
    end = 0
    for match in _AUTOMATIC.finditer(text):
        address = _address(match, server_url, repository)
        if not address:
            continue
        yield _text(text[end : match.start()])
        yield from _link(address, match[0])
        end = match.end()
    yield _text(text[end:])


def _address(match: re.Match[str], server_url: str, repository: str) -> str:
    if match["address"]:
        return match["address"]
    if match["login"]:
        return f"{server_url}/{match['login']}"
    place = match["place"] or repository
    return f"{server_url}/{place}/issues/{match['number']}" if place else ""


def _link(href: str, words: str) -> Iterator[Token]:
    yield _link_to(href)
    yield _text(words)
    yield Token("link_close", "a", -1)


def _link_to(href: str) -> Token:
    attributes: dict[str, Any] = {"rel": _RELATIONS}
    if href.startswith(_WEB):
        attributes["href"] = quote(href, safe="%/:=&?~#+!$,;'@()*[]")
    return Token("link_open", "a", 1, attrs=attributes)


def _text(words: str) -> Token:
    return Token("text", "", 0, content=words)


def _with_emoji(text: str) -> str:
    return _SHORTCODE.sub(lambda match: _EMOJI[match[0]], text)
