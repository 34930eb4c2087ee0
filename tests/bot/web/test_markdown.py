"""Tests of comments as HTML: like GitHub shows them, and never more than text and links."""

import re
from html.parser import HTMLParser

import pytest

from bot.web import markdown
from bot.web.markdown import MOST_CHARACTERS, comment_html

GITHUB = "https://github.example"
ALLOWED = {
    *("a", "blockquote", "br", "code", "del", "em", "hr", "li", "ol", "p", "pre", "s", "strong"),
    *("table", "tbody", "td", "thead", "tr", "ul"),
}
ATTRIBUTES = {"href", "rel", "class", "start", "style"}


def shown(text, place="snakes/trio#7"):
    return str(comment_html(text, server_url=GITHUB, place=place)).strip()


def link(address, words):
    return f'<a rel="nofollow noreferrer" href="{address}">{words}</a>'


READS = {
    "**a** ~~b~~ `c`": "<p><strong>a</strong> <s>b</s> <code>c</code></p>",
    "a\nb": "<p>a<br />\nb</p>",
    "hi @alice.": f"<p>hi {link(f'{GITHUB}/alice', '@alice')}.</p>",
    "see #8": f"<p>see {link(f'{GITHUB}/snakes/trio/issues/8', '#8')}</p>",
    "see a/b#8": f"<p>see {link(f'{GITHUB}/a/b/issues/8', 'a/b#8')}</p>",
    "https://a.example/b": f"<p>{link('https://a.example/b', 'https://a.example/b')}</p>",
    "[x](/y)": f"<p>{link(f'{GITHUB}/y', 'x')}</p>",
    "[@a](http://b)": f"<p>{link('http://b', '@a')}</p>",
    "`@alice #8`": "<p><code>@alice #8</code></p>",
    "me@alice.example": "<p>me@alice.example</p>",
    "![cat](http://b/c.png)": f"<p>{link('http://b/c.png', '[image: cat]')}</p>",
    "[](http://b)": f"<p>{link('http://b', 'http://b')}</p>",
    ":tada:": "<p>\N{PARTY POPPER}</p>",
    "# a": '<p class="heading">a</p>',
    "a <!-- portmanteau:abc -->": "<p>a</p>",
    "a <!-- b": "<p>a &lt;!-- b</p>",
    "<b>a</b>": "<p>&lt;b&gt;a&lt;/b&gt;</p>",
}


def test_a_comment_reads_as_on_github():
    """Markdown, people, issues and addresses; raw HTML is text, a picture is a link."""
    assert {text: shown(text) for text in READS} == READS


def test_without_an_issue_a_number_is_no_link():
    """A number alone means nothing without a repository."""
    assert shown("see #8", place="") == "<p>see #8</p>"


class Tags(HTMLParser):
    """The tags and attributes of a text, and the addresses that it leads to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.addresses = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses |= {value for name, value in attrs if name in {"href", "src", "style"}}


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](data:image/png;base64,AAAA)",
    '[x](http://a "onmouseover=alert(1)")',
    '[x](http://a"onmouseover="alert(1))',
    '<http://a"onclick=alert(1)>',
    "<javascript:alert(1)>",
    "[x](vbscript:x) [y](file:///etc/passwd)",
    "[x](http://[) ![y](//[)",
    "[a]: javascript:alert(1)\n\n[a]",
    "```<script>\nx\n```",
    "| <b> | [x](javascript:1) |\n|:-:|---|\n| ![p](q) | @a |",
    "<style>*{display:none}</style>",
    "\u202egnp.exe \x1b[31m ghp_" + "a1" * 18,
    "# <svg onload=alert(1)>\n\nSetext\n===",
    "<!-- --><script>alert(1)</script><!-- -->",
    "https://a.example/<script>\"'",
    "@alice<script>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_comment_is_text_and_plain_links(text):
    """Only harmless tags and attributes; links only to http, https and mail; nothing loads."""
    html = shown(text)
    tags = Tags(html)
    assert tags.tags <= ALLOWED
    assert tags.attributes <= ATTRIBUTES
    for address in tags.addresses:
        assert re.match(r"https?://|mailto:|text-align:(left|right|center)$", address), address
    assert not re.search(r"[\x00-\x08\x1b\u202e]|ghp_", html)


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 70_000, "**a " * 20_000, "<!--" * 20_000, "![](" * 20_000, "@a/" * 25_000),
        *("> " * 30_000, "`" * 66_000, "https://" * 10_000, "_a*" * 25_000, "a@b/c#" * 10_000),
        "|a|b|c|d|\n|-|-|-|-|\n" + "|\n" * 30_000,
    ],
)
def test_a_long_comment_is_cut(text):
    """The page does not grow with the text, and says how much is missing."""
    html = shown(text)
    assert f"[{len(text) - MOST_CHARACTERS:,} more characters]" in html
    assert len(html) < 600_000


def test_a_table_of_many_cells_is_shown_as_text(monkeypatch):
    """A parser that fills up short rows would make a page of millions of cells."""
    monkeypatch.setattr(markdown, "_MOST_CELLS", 20)
    small, large = "|a|b|\n|-|-|\n|c|\n", "|a|b|\n|-|-|\n" + "|c|\n" * 9
    assert shown(small).startswith("<table>")
    assert "<table>" not in shown(large)
