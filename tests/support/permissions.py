"""Required permissions of API calls, from GitHub's documentation.

https://docs.github.com/rest/authentication/permissions-required-for-github-apps, for the calls that
the bot makes. For a call about an issue or a pull request either permission will do.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

# GitHub redirects the former name of a repository to its id.
REPO = "(?:/repos/[^/]+/[^/]+|/repositories/[0-9]+)"
ISSUE, PULL = "/issues/[0-9]+", "/pulls/[0-9]+"
THREAD = ("issues", "pull_requests")
STRENGTH = {"read": 1, "write": 2}

# The method, the path as a pattern, the access, and the alternative permissions.
CALLS = [
    ("GET", "/installation/repositories", "read", ("metadata",)),
    ("GET", "/search/issues", "read", ("metadata",)),
    ("GET", "/users?/[^/]+", "read", ("metadata",)),
    ("GET", f"{REPO}/collaborators/[^/]+/permission", "read", ("metadata",)),
    ("GET", REPO, "read", ("metadata",)),
    ("GET", "/orgs/[^/]+/memberships/[^/]+", "read", ("members",)),
    ("PUT", "/orgs/[^/]+/memberships/[^/]+", "write", ("members",)),
    ("GET", "/orgs/[^/]+/(members|teams|invitations).*", "read", ("members",)),
    ("PUT", "/orgs/[^/]+/teams/[^/]+/memberships/[^/]+", "write", ("members",)),
    ("GET", f"{REPO}/contents/.+", "read", ("contents", "single_file")),
    ("GET", f"{REPO}/commits/[^/]+/check-runs", "read", ("checks",)),
    ("POST", f"{REPO}/check-runs", "write", ("checks",)),
    ("PATCH", f"{REPO}/check-runs/[0-9]+", "write", ("checks",)),
    ("GET", f"{REPO}/issues", "read", ("issues",)),
    ("POST", f"{REPO}/issues", "write", ("issues",)),
    ("GET", f"{REPO}{ISSUE}(/(comments|labels|timeline|reactions))?", "read", THREAD),
    ("GET", f"{REPO}{ISSUE}/assignees/[^/]+", "read", ("issues",)),
    ("PATCH", f"{REPO}{ISSUE}", "write", THREAD),
    ("POST", f"{REPO}{ISSUE}/(comments|labels|reactions|assignees)", "write", THREAD),
    ("DELETE", f"{REPO}{ISSUE}/(labels/[^/]+|assignees)", "write", THREAD),
    ("GET", f"{REPO}/issues/comments/[0-9]+(/reactions)?", "read", THREAD),
    ("POST", f"{REPO}/issues/comments/[0-9]+/reactions", "write", THREAD),
    ("(PATCH|DELETE)", f"{REPO}/issues/comments/[0-9]+", "write", THREAD),
    ("GET", f"{REPO}/labels(/[^/]+)?", "read", THREAD),
    ("POST", f"{REPO}/labels", "write", THREAD),
    ("GET", f"{REPO}/pulls", "read", ("pull_requests",)),
    ("GET", f"{REPO}{PULL}(/(files|comments|reviews|commits))?", "read", ("pull_requests",)),
    ("GET", f"{REPO}/pulls/comments/[0-9]+(/reactions)?", "read", ("pull_requests",)),
    ("POST", f"{REPO}/pulls/comments/[0-9]+/reactions", "write", ("pull_requests",)),
    ("PATCH", f"{REPO}/pulls/comments/[0-9]+", "write", ("pull_requests",)),
    ("POST", f"{REPO}{PULL}/comments/[0-9]+/replies", "write", ("pull_requests",)),
    # The bot's queries are about pull requests.
    ("POST", "/graphql", "read", ("pull_requests",)),
]


def needed(method: str, path: str) -> tuple[str, Sequence[str]]:
    """The access that a call needs, and the alternative permissions."""
    for verb, pattern, access, names in CALLS:
        if re.fullmatch(verb, method) and re.fullmatch(pattern, path):
            return access, names
    raise AssertionError(f"which permission does {method} {path} need? Say it in {__name__}")


def lacking(calls: Iterable[tuple[str, str]], granted: Mapping[str, str]) -> list[str]:
    """The calls that GitHub would refuse with these permissions."""
    refused = []
    for method, path in calls:
        access, names = needed(method, path)
        if not any(STRENGTH.get(granted.get(n, ""), 0) >= STRENGTH[access] for n in names):
            refused.append(f"{method} {path} needs {' or '.join(names)}: {access}")
    return refused


def spare(calls: Iterable[tuple[str, str]], granted: Mapping[str, str]) -> dict[str, str]:
    """The permissions, or levels, that none of the calls needs."""
    uses = [needed(*call) for call in calls]
    return {
        name: access
        for name, access in granted.items()
        if not any(name in names and kind == access for kind, names in uses)
    }


def calls_of(github) -> list[tuple[str, str]]:
    """The calls of installations at the simulated GitHub."""
    return [(one.method, one.path) for one in github.calls if one.installation_id is not None]
