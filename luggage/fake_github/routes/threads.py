"""Pages of repositories, issues and pull requests, for people who follow a link in a browser."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from markdown_it import MarkdownIt

from luggage.fake_github.messages import Answer, HtmlPage, not_found
from luggage.fake_github.records import Account, Comment, Issue, Repository
from luggage.fake_github.routing import RouteCall, RouteTable

routes = RouteTable()

# Without raw HTML: people's texts are shown, never run.
_MARKDOWN = MarkdownIt("js-default")
_HIDDEN = re.compile(r"<!--(?:(?!<!--).)*?-->", re.DOTALL)
_EMOJI = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "hooray": "🎉", "tada": "🎉", "confused": "😕",
    "heart": "❤️", "rocket": "🚀", "eyes": "👀",
}  # fmt: skip
_SHORTCODE = re.compile(f":({'|'.join(map(re.escape, _EMOJI))}):")
_NOTHING = '<p class="faint">No issues or pull requests yet.</p>'
_STYLE = """
:root {
  color-scheme: light dark;
  --line: #d1d9e0; --soft: #f6f8fa; --faint: #59636e; --link: #0969da
}
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --soft: #151b23; --faint: #9198a1; --link: #4493f8 }
}
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 46rem }
a { color: var(--link) }
article { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0 }
article { overflow-wrap: anywhere }
article header { background: var(--soft); padding: .5rem 1rem; border-radius: .5rem .5rem 0 0 }
article div { padding: 0 1rem }
article:target { outline: 2px solid var(--link) }
pre { overflow-x: auto }
.faint { color: var(--faint) }
"""


@routes("GET", "/{owner}/{repo}", any_caller=True)
def repository_page(call: RouteCall) -> Answer:
    """Return the page of a public repository, with its issues and pull requests."""
    repository = _public(call)
    items = [
        f'<li><a href="{html.escape(_path(issue))}">{html.escape(issue.title)}</a> '
        f'<span class="faint">#{issue.number}, {_state(issue)}</span></li>'
        for issue in reversed(repository.issues.values())
    ]
    return _page(repository.full_name, f"<ul>{''.join(items)}</ul>" if items else _NOTHING)


@routes("GET", "/{owner}/{repo}/issues/{number}", any_caller=True)
@routes("GET", "/{owner}/{repo}/pull/{number}", any_caller=True)
def thread_page(call: RouteCall) -> Answer:
    """Return the page of an issue or pull request of a public repository, with its comments."""
    repository = _public(call)
    issue = repository.issues.get(call.number("number"))
    if issue is None:
        raise not_found()
    home = html.escape(repository.full_name)
    return _page(f"{issue.title} #{issue.number}", "".join([
        f'<p class="faint"><a href="/{home}">{home}</a> · {_kind(issue)} · {_state(issue)}</p>',
        *_entries(issue),
    ]))  # fmt: skip


def _public(call: RouteCall) -> Repository:
    name = f"{call.names['owner']}/{call.names['repo']}".lower()
    repository = call.world.repositories.get(name)
    if repository is None or repository.private:
        raise not_found()
    return repository


def _entries(issue: Issue) -> Iterator[str]:
    """Yield the description, and the comments in their order, also those on the diff."""
    yield _entry(issue.author, issue.body or "", issue.created_at, f"issue-{issue.id}", issue)
    on_diff = issue.pull.comments if issue.pull else []
    comments: list[Comment] = [*issue.comments, *on_diff]
    for one in sorted(comments, key=lambda each: each.created_at):
        kind = "discussion_r" if one in on_diff else "issuecomment-"
        yield _entry(one.author, one.body, one.created_at, f"{kind}{one.id}", one)


def _entry(author: Account, text: str, at: float, name: str, about: Issue | Comment) -> str:
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    body = _MARKDOWN.render(_HIDDEN.sub("", text)) or '<p class="faint">No description.</p>'
    body = _SHORTCODE.sub(lambda match: _EMOJI[match[1]], body)
    reactions = "".join(
        f"<p>{_EMOJI[each.content]} <span class='faint'>{html.escape(each.user.login)}</span></p>"
        for each in about.reactions
    )
    return (
        f'<article id="{name}"><header><b>{html.escape(author.login)}</b> '
        f'<span class="faint">{when}</span></header><div>{body}{reactions}</div></article>'
    )


def _path(issue: Issue) -> str:
    return f"/{issue.repository.full_name}/{'pull' if issue.pull else 'issues'}/{issue.number}"


def _kind(issue: Issue) -> str:
    return "pull request" if issue.pull else "issue"


def _state(issue: Issue) -> str:
    return "merged" if issue.pull and issue.pull.merged_at else issue.state


def _page(title: str, body: str) -> Answer:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)} · Simulated GitHub</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{html.escape(title)}</h1>{body}</main>"
        '<footer class="faint"><p>Simulated GitHub</p></footer></body></html>'
    )
    return Answer(200, HtmlPage(text))
