"""Write once: comments and issues that GitHub would keep twice, written a single time.

1. Before a text is sent, the job notes when. The text ends with a hidden marker made from the key.
2. If the outcome is ambiguous, the next try waits until GitHub must show what arrived. Then it
   searches for the marker among the texts of our own App, and adopts what it finds.
3. A process that slept between note and request finds that it is too late to send
   (docs/model/README.md).

A failed search is a failed try, never "not there".
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.actions import limits
from bot.actions.work import NEW_SECONDS, ReadingClient, Superseded, Work
from luggage.github.errors import Ambiguous, NotFound, RequestFailed
from luggage.jobs.model import Postpone

# How long after its note a text may still be sent.
SEND_SECONDS = 5.0
# How long a sent text may take to be written: 5 s to connect, 10 s until the kernel gives up on
# what is not acknowledged (luggage.github.transport), and 10 s after which GitHub ends a request
# (its documentation: "Timeouts", troubleshooting the REST API).
ARRIVAL_SECONDS = 25.0
# How long GitHub's lists may lag behind its writes. After that a missing marker is a missing text.
READ_LAG_SECONDS = 10.0


def marker(key: str) -> str:
    """The hidden line that says which action wrote a text; it never changes for one key."""
    return marker_line(hashlib.blake2b(key.encode(), digest_size=12).hexdigest())


def marker_line(name: str) -> str:
    """The hidden line with this name: 24 hexadecimal digits."""
    return f"<!-- portmanteau:{name} -->"


@dataclass(frozen=True, slots=True)
class Text:
    """A text to write once: where to POST it, where GitHub lists it, and its content.

    `content` has a `body`; the marker of `key` is added to it. `listed` are parameters of the list.
    """

    key: str
    path: str
    list_path: str
    content: Mapping[str, str]
    listed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def comment(
        cls, key: str, repository: str, number: int, body: str, *, thread: int | None = None
    ) -> "Text":
        """A comment on an issue or pull request, or an answer in the `thread` of a review."""
        kind = "issues" if thread is None else "pulls"
        list_path = f"/repos/{repository}/{kind}/{number}/comments"
        replies = "" if thread is None else f"/{thread}/replies"
        return cls(key, list_path + replies, list_path, {"body": body})

    @classmethod
    def issue(cls, key: str, repository: str, title: str, body: str) -> "Text":
        """A new issue."""
        path = f"/repos/{repository}/issues"
        return cls(key, path, path, {"title": title, "body": body}, {"state": "all"})

    def marked(self) -> Mapping[str, str]:
        """The content with the marker at the end of its body, within GitHub's limits."""
        titled = {"title": limits.title(self.content["title"])} if "title" in self.content else {}
        return {**titled, "body": limits.body(self.content["body"], marker(self.key))}


def write_once(text: Text, work: Work) -> Any:
    """GitHub's answer for the text, which this try or an earlier one has written.

    Raises RequestFailed; Postpone while a sent text may not yet be visible; LeaseLost when another
    worker has taken the job over. Safe to repeat.
    """
    found = None if work.note().sending_at is None else adopted(text, work)
    return send(text, work) if found is None else found


def send(text: Text, work: Work) -> Any:
    """Write a text that no earlier try has written: `adopted` has just said so. Else `write_once`.

    Raises as `write_once` does. Repeating it is safe only after another look.
    """
    note, now = work.note(), work.clock()
    work = work.save(replace(note, sending_at=now))
    try:
        return work.client.post(text.path, json=text.marked(), not_after=now + SEND_SECONDS)
    except Ambiguous:
        raise
    except RequestFailed:
        # GitHub certainly did not take it: the next try need not look.
        work.save(replace(note, sending_at=None))
        raise


def adopted(text: Text, work: Work) -> Any | None:
    """The text as GitHub has it, if an earlier try wrote it; None if none did.

    Without a note it searches at once, as after a lost database. Raises RequestFailed, Postpone.
    """
    sending_at = work.note().sending_at or 0.0
    visible_at = sending_at + SEND_SECONDS + ARRIVAL_SECONDS + READ_LAG_SECONDS
    if work.clock() < visible_at:
        raise Postpone(visible_at, "it was sent, and it is not known whether it arrived")
    return search(text, work)


def search(text: Text, work: Work) -> Any | None:
    """The text as GitHub has it, by its marker and our App's ids. Raises RequestFailed."""
    for found in work.client.pages(text.list_path, params={"per_page": 100, **text.listed}):
        # An item without a body says nothing: it raises Ambiguous, and is not passed over.
        if marker(text.key) in (found["body"] or "") and work.is_ours(found):
            return found
    return None


def present_login(work: Work, login: str) -> str:
    """The login by now of the account that had this one when the action was decided.

    Another account may have taken the login over since. Raises RequestFailed, and Superseded for
    a deleted account.
    """
    number = work.people.account_id(login)
    account = number and look_first(work.client, "/users/{login}", login=login)
    if number is None or (account and account.get("id") == number):
        return login
    account = look_first(work.client, "/user/{number}", number=number)
    if account is None:
        raise Superseded(f"the account {login} was deleted")
    return str(account["login"])


def present_logins(work: Work, logins: Sequence[str]) -> Sequence[str]:
    """The logins by now of accounts, in their order; those of a young action are as decided.

    Raises RequestFailed, and Superseded if an account was deleted.
    """
    if work.clock() - work.job.created_at <= NEW_SECONDS:
        return logins
    return [present_login(work, each) for each in logins]


def look_first(client: ReadingClient, path: str, /, **names: str | int) -> Any | None:
    """What GitHub has at a path that answers with content; None on 404.

    Raises RequestFailed where GitHub cannot be asked, Ambiguous for an answer without content:
    that does not mean "not there".
    """
    try:
        found = client.get(path, params=None, **names)
    except NotFound:
        return None
    if found is None:
        raise Ambiguous("the response is empty", method="GET", path=path.format(**names))
    return found
