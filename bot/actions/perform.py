"""Turn an action into one call at GitHub that is safe to repeat.

How each is repeated:

* an invitation, a place in a team, an order to rest: see bot.actions.membership.
* a reaction: GitHub keeps one of a kind for each text and app, however often it is asked for.
* a comment: is not idempotent at GitHub. Before it is sent, the job notes that it is being sent;
  the text carries a hidden marker. If the end is not known, because the connection or this process
  died, the next try waits until what was sent must have arrived and must be seen, looks for the
  marker in what our own app wrote, and adopts what it finds. A process that was stopped after its
  note finds that it is too late to send (docs/model). A failed look-up is a failed try, never "not
  there". A comment because of a recovered delivery is looked for at the first try already: a
  database that was lost may have written it.
* an issue, and a question to maintainers: as a comment, in the list of what our app opened. What
  follows (closing it, remembering what it was about) is done again after it was found.
* an issue that is kept: its number is remembered, and changing it sets what it is to say. Where no
  number is known it is looked for by its marker before it is opened, and opened as a comment is
  written. A change that comes late, after a later one, is not made.
* closing: sets the state that it is to have.
* labels, assignees, states, and comments that are taken back: see bot.actions.issues.
* a check run: see bot.actions.checks.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.actions import (
    ACTIONS,
    Action,
    Ask,
    CheckRun,
    CloseIssue,
    Comment,
    Invite,
    JoinTeam,
    KeepIssue,
    OpenIssue,
    React,
    Rest,
    checks,
    issues,
    membership,
)
from bot.actions.issue import Assign, Label, SetState, TakeBack, Unassign, Unlabel
from bot.store.people import Memory
from luggage.github import Ambiguous, Client, Invalid, NotFound, RequestFailed
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
# So long an issue that was free is taken to be free: longer than the wait for a turn to write.
FREE_SECONDS = 10.0
# The note of an action that GitHub refused, and that is to be answered with a comment.
REFUSED = json.dumps({"sending_at": 0.0, "refused": True})

# What such actions have to say is a comment that is about the same.
_SAYING = frozenset({"assign", "state"})


def marker(key: str) -> str:
    """The hidden line that says which action wrote a comment; the same for ever for one key."""
    return f"<!-- portmanteau:{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()} -->"


def marked_keys(key: str) -> Iterator[str]:
    """The keys whose markers stand in what the action with this key wrote: mostly its own."""
    yield key
    kind, _, about = key.partition(":")
    if kind == "keep-issue":
        # All versions of an issue that is kept carry one marker.
        yield key.rpartition("/")[0]
    elif kind in _SAYING:
        yield f"comment:{about}"


@dataclass(frozen=True)
class Performer:
    """Performs actions. `own_login` says the login under which our app writes: `name[bot]`."""

    queue: Queue
    memory: Memory
    own_login: Callable[[], str]
    clock: Callable[[], float]

    def perform(self, action: Action, client: Client, job: Job) -> str:
        """Do it at GitHub, and return GitHub's answer in a few words of JSON for the record.

        Raises luggage.github's RequestFailed as it came, Postpone while a sent text may not yet be
        visible or a day's invitations are spent, bot.performing's Moot for what is not wanted any
        more, and LeaseLost when another worker has taken the job over. Safe to repeat.
        """
        return self._ways[type(action)](action, client, job)

    @property
    def _ways(self) -> Mapping[type[Action], Callable[[Any, Client, Job], str]]:
        return {
            Invite: self._invite,
            JoinTeam: lambda action, client, _job: membership.join_team(action, client),
            Rest: lambda action, _client, _job: membership.rest(action, self.queue, self.memory),
            React: self._react,
            Comment: self._comment,
            OpenIssue: self._open_issue,
            Ask: self._ask,
            KeepIssue: self._keep_issue,
            CloseIssue: lambda action, client, _job: _close(
                action.repository, action.number, client
            ),
            Label: lambda action, client, _job: issues.label(action, client),
            Unlabel: lambda action, client, _job: issues.label(action, client),
            Assign: self._assign,
            Unassign: lambda action, client, _job: issues.unassign(action, client, self.memory),
            SetState: self._set_state,
            TakeBack: self._take_back,
            CheckRun: lambda action, client, _job: checks.check(action, marker(action.key), client),
        }

    def _invite(self, action: Invite, client: Client, _job: Job) -> str:
        return membership.invite(action, client, self.memory, self.clock())

    def _react(self, action: React, client: Client, _job: Job) -> str:
        path = f"{_repository(action.repository)}/{action.target}/reactions"
        try:
            answer = client.post(path, json={"content": action.content})
        except NotFound as error:
            # Somebody thought better of it; what follows from the text is not wanted either.
            raise membership.Moot("the text was deleted") from error
        return json.dumps({"reaction": answer["id"]})

    def _comment(self, action: Comment, client: Client, job: Job) -> str:
        return _written(self._write_once(_answer(action), client, job))

    def _open_issue(self, action: OpenIssue, client: Client, job: Job) -> str:
        text = _issue(action.key, action.repository, action.title, action.text)
        issue = self._write_once(text, client, job)
        if action.closed:
            _close(action.repository, issue["number"], client)
        return _opened(issue)

    def _ask(self, action: Ask, client: Client, job: Job) -> str:
        if action.number is None:
            text = _issue(action.key, action.repository, action.title, action.text)
            issue = self._write_once(text, client, job)
            number, answer = issue["number"], _opened(issue)
        else:
            path = f"{_repository(action.repository)}/issues/{action.number}/comments"
            text = _Text(action.key, path, path, {"body": action.text})
            number, answer = action.number, _written(self._write_once(text, client, job))
        asked_in = f"{action.repository}#{number}"
        self.memory.asked(action.organization, action.person, asked_in, action.pull_request)
        return answer

    def _keep_issue(self, action: KeepIssue, client: Client, job: Job) -> str:
        kept = self.memory.kept_issue(action.about)
        if kept is not None and kept.job > job.id:
            return json.dumps({"issue": kept.number, "state": "changed since"})
        text = _issue(f"keep-issue:{action.about}", action.repository, action.title, action.text)
        if kept is None:
            looked = replace(job, note=job.note or LOOK_FIRST)
            found = self._already_written(text, client, looked)
            if found is None:
                return self._open_kept(action, text, client, job)
            number = int(found["number"])
        else:
            number = kept.number
        state = "open" if action.open else "closed"
        path = f"{_repository(action.repository)}/issues/{number}"
        client.patch(path, json={**text.marked(), "state": state})
        self.memory.keep_issue(action.about, number, job.id)
        return json.dumps({"issue": number, "state": state})

    def _open_kept(self, action: KeepIssue, text: "_Text", client: Client, job: Job) -> str:
        if not action.open:
            return json.dumps({"issue": None})
        issue = self._write_once(text, client, replace(job, note=""))
        self.memory.keep_issue(action.about, int(issue["number"]), job.id)
        return _opened(issue)

    def _assign(self, action: Assign, client: Client, job: Job) -> str:
        if action.taken and not self._is_free(action, client, job):
            return self._say(action, client, job, action.taken)
        return issues.assign(action, client, self.memory)

    def _is_free(self, action: Assign, client: Client, job: Job) -> bool:
        """Whether nobody else has it; noted, so that who waits for a turn does not ask twice."""
        noted = json.loads(job.note or "{}").get("free_at", 0.0)
        if self.clock() - noted < FREE_SECONDS:
            return True
        if issues.is_taken(action, client):
            return False
        self.queue.note(job, json.dumps({"sending_at": 0.0, "free_at": self.clock()}))
        return True

    def _set_state(self, action: SetState, client: Client, job: Job) -> str:
        if job.note != REFUSED:
            try:
                return issues.set_state(action, client)
            except Invalid:
                if not action.refused:
                    raise
            # So that the next try is a comment at once, and takes no second turn to write.
            job = self.queue.note(job, REFUSED)
        return self._say(action, client, job, action.refused)

    def _say(self, action: Assign | SetState, client: Client, job: Job, words: str) -> str:
        """Say something in place of an action, as a comment that is about the same."""
        text = _answer(_comment_on(action, words))
        return _written(self._write_once(text, client, job, unsent=job.note))

    def _take_back(self, action: TakeBack, client: Client, _job: Job) -> str:
        said = _comment_on(action, action.text)
        row = self.queue.find(ACTIONS, said.key)
        number = json.loads((row and row.result) or "{}").get("comment")
        if number is None:
            number = (self._look_for(_answer(said), client) or {}).get("id")
        if number is None:
            return json.dumps({"nothing": "no such comment"})
        # The marker of its own: what was taken back does not count as said.
        body = f"{action.text}\n\n{marker(action.key)}"
        return issues.replace_text(action.repository, number, body, client)

    def _write_once(self, text: "_Text", client: Client, job: Job, unsent: str = "") -> Any:
        """GitHub's answer for what was written, by this try or by an earlier one.

        `unsent` becomes the job's note where GitHub did not take it, for certain.
        """
        if job.note:
            found = self._already_written(text, client, job)
            if found is not None:
                return found
        now = self.clock()
        job = self.queue.note(job, json.dumps({"sending_at": now}))
        try:
            return client.post(text.path, json=text.marked(), not_after=now + SEND_SECONDS)
        except Ambiguous:
            raise
        except RequestFailed:
            # GitHub did not take it, for certain: the next try need not look.
            self.queue.note(job, unsent)
            raise

    def _already_written(self, text: "_Text", client: Client, job: Job) -> Any | None:
        sending_at = json.loads(job.note)["sending_at"]
        visible_at = sending_at + SEND_SECONDS + ARRIVAL_SECONDS + READ_LAG_SECONDS
        if self.clock() < visible_at:
            raise Postpone(visible_at, "it was sent, and it is not known whether it arrived")
        return self._look_for(text, client)

    def _look_for(self, text: "_Text", client: Client) -> Any | None:
        login = self.own_login()
        for found in client.pages(text.list_path, params={"per_page": 100, **text.listed}):
            author = (found.get("user") or {}).get("login")
            if author == login and marker(text.key) in (found.get("body") or ""):
                return found
        return None


@dataclass(frozen=True, slots=True)
class _Text:
    """Something to be written once: where it is posted, where it is listed, what is sent."""

    key: str
    path: str
    list_path: str
    content: Mapping[str, str]
    listed: Mapping[str, str] = field(default_factory=dict)

    def marked(self) -> Mapping[str, str]:
        """What is sent, with the hidden marker at the end of its body."""
        return {**self.content, "body": f"{self.content['body']}\n\n{marker(self.key)}"}


def _answer(action: Comment) -> _Text:
    kind = "issues" if action.thread is None else "pulls"
    list_path = f"{_repository(action.repository)}/{kind}/{action.number}/comments"
    replies = "" if action.thread is None else f"/{action.thread}/replies"
    return _Text(action.key, list_path + replies, list_path, {"body": action.text})


def _comment_on(action: Assign | SetState | TakeBack, words: str) -> Comment:
    where, number = action.repository, action.number
    return Comment(about=action.about, repository=where, number=number, text=words)


def _issue(key: str, repository: str, title: str, body: str) -> _Text:
    path = f"{_repository(repository)}/issues"
    return _Text(key, path, path, {"title": title, "body": body}, {"state": "all"})


def _close(repository: str, number: int, client: Client) -> str:
    client.patch(f"{_repository(repository)}/issues/{number}", json={"state": "closed"})
    return json.dumps({"issue": number, "state": "closed"})


def _repository(full_name: str) -> str:
    return f"/repos/{full_name}"


def _written(comment: Any) -> str:
    return json.dumps({"comment": comment["id"], "url": comment.get("html_url")})


def _opened(issue: Any) -> str:
    return json.dumps({"issue": issue["number"], "url": issue.get("html_url")})
