"""Turn an action into one call at GitHub that is safe to repeat.

How each is repeated:

* an invitation: looks first, and offers membership only to somebody who has none; so a repetition
  finds what the first try did, and nobody's role is ever changed.
* a reaction: GitHub keeps one of a kind for each text and app, however often it is asked for.
* a comment: is not idempotent at GitHub. Before it is sent, the job notes that it is being sent;
  the text carries a hidden marker. If the end is not known, because the connection or this process
  died, the next try waits until what was sent must have arrived and must be seen, looks for the
  marker in what our own app wrote, and adopts what it finds. A process that was stopped after its
  note finds that it is too late to send (docs/model). A failed look-up is a failed try, never "not
  there". A comment because of a recovered delivery is looked for at the first try already: a
  database that was lost may have written it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.actions import Action, Comment, Invite, React
from bot.memory import Memory
from bot.reader import membership_at_github
from luggage.github import Ambiguous, Client, RequestFailed
from luggage.jobs import Job, Postpone, Queue

# So long after its note a comment may still be sent; later is too late.
SEND_SECONDS = 5.0
# So long after it was sent a comment may still be written: 5 s to connect, 10 s until the kernel
# gives up what is not acknowledged (luggage.github.transport), and 10 s after which GitHub ends a
# request (its documentation: "Timeouts", troubleshooting the REST API).
ARRIVAL_SECONDS = 25.0
# GitHub's lists lag behind its writes; after this long a missing marker means a missing comment.
READ_LAG_SECONDS = 10.0

# The note of a comment that may have been written by somebody who could not note it.
LOOK_FIRST = json.dumps({"sending_at": 0.0})


def marker(key: str) -> str:
    """The hidden line that says which action wrote a comment; the same for ever for one key."""
    return f"<!-- portmanteau:{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()} -->"


@dataclass(frozen=True)
class Performer:
    """Performs actions. `own_login` says the login under which our app writes: `name[bot]`."""

    queue: Queue
    memory: Memory
    own_login: Callable[[], str]
    clock: Callable[[], float]

    def perform(self, action: Action, client: Client, job: Job) -> str:
        """Do it at GitHub, and return GitHub's answer in a few words of JSON for the record.

        Raises luggage.github's RequestFailed as it came, Postpone while a sent comment may not yet
        be visible, and LeaseLost when another worker has taken the job over. Safe to repeat.
        """
        match action:
            case Invite():
                return self._invite(action, client)
            case React():
                return self._react(action, client)
            case Comment():
                return self._comment(action, client, job)

    def _invite(self, action: Invite, client: Client) -> str:
        state = membership_at_github(client, action.organization, action.person)
        if state is None:
            answer = client.put(
                "/orgs/{organization}/memberships/{person}",
                json={"role": action.role},
                organization=action.organization,
                person=action.person,
            )
            state = str(answer["state"])
        self.memory.remember(action.organization, action.person, state)
        return json.dumps({"state": state})

    def _react(self, action: React, client: Client) -> str:
        path = f"{_repository(action.repository)}/{action.target}/reactions"
        answer = client.post(path, json={"content": action.content})
        return json.dumps({"reaction": answer["id"]})

    def _comment(self, action: Comment, client: Client, job: Job) -> str:
        if job.note:
            found = self._already_written(action, client, job)
            if found is not None:
                return _written(found)
        now = self.clock()
        job = self.queue.note(job, json.dumps({"sending_at": now}))
        text = {"body": _body(action)}
        try:
            return _written(
                client.post(_answer_path(action), json=text, not_after=now + SEND_SECONDS)
            )
        except Ambiguous:
            raise
        except RequestFailed:
            # GitHub did not take it, for certain: the next try need not look.
            self.queue.note(job, "")
            raise

    def _already_written(self, action: Comment, client: Client, job: Job) -> Any | None:
        sending_at = json.loads(job.note)["sending_at"]
        visible_at = sending_at + SEND_SECONDS + ARRIVAL_SECONDS + READ_LAG_SECONDS
        if self.clock() < visible_at:
            raise Postpone(visible_at, "a comment was sent, and it is not known whether it arrived")
        login = self.own_login()
        for comment in client.pages(_list_path(action), params={"per_page": 100}):
            author = (comment.get("user") or {}).get("login")
            if author == login and marker(action.key) in (comment.get("body") or ""):
                return comment
        return None


def _repository(full_name: str) -> str:
    return f"/repos/{full_name}"


def _body(action: Comment) -> str:
    return f"{action.text}\n\n{marker(action.key)}"


def _list_path(action: Comment) -> str:
    kind = "issues" if action.thread is None else "pulls"
    return f"{_repository(action.repository)}/{kind}/{action.number}/comments"


def _answer_path(action: Comment) -> str:
    replies = "" if action.thread is None else f"/{action.thread}/replies"
    return _list_path(action) + replies


def _written(comment: Any) -> str:
    return json.dumps({"comment": comment["id"], "url": comment.get("html_url")})
