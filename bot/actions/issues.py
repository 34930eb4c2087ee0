"""Labels, assignees, states and withdrawn comments: performing the actions of bot.actions.issue.

How each is repeated:

* labels: GitHub has each label once; one that is off already cannot be taken off (404), which is as
  well. Where the pull request has moved on since it was looked at, nothing is done.
* assignees: GitHub has each once. A claim looks first who has the issue: after a lost answer it
  finds that the person has it already.
* the state: sets what it is to be. GitHub's refusal is noted, and answered with a comment, which is
  repeated as every comment is (bot.actions.perform).
* taking back: sets the text of the comment that the record of the first action names; without that
  record, of the one with its marker in what our own app wrote. One that is gone needs nothing.
"""

import json
from contextlib import suppress

from bot.actions.issue import Assign, Label, SetState, Unassign, Unlabel
from bot.store.people import Memory
from luggage.github import Client, NotFound


def label(action: Label | Unlabel, client: Client) -> str:
    """Put labels on, or take one off; returns a few words of JSON. Safe to repeat."""
    path = f"/repos/{action.repository}/issues/{action.number}/labels"
    if action.head and _has_moved_on(action, client):
        return json.dumps({"skipped": "the pull request has changed since"})
    if isinstance(action, Label):
        client.post(path, json={"labels": list(action.names)})
        return json.dumps({"labels": action.names})
    with suppress(NotFound):
        client.delete(f"{path}/{{name}}", name=action.name)
    return json.dumps({"no label": action.name})


def _has_moved_on(action: Label | Unlabel, client: Client) -> bool:
    pull = client.get(f"/repos/{action.repository}/pulls/{action.number}")
    return bool((pull["head"]["sha"], pull["title"]) != (action.head, action.title))


def assign(action: Assign, client: Client, memory: Memory) -> str:
    """Assign, and remember claims; returns a few words of JSON. Safe to repeat."""
    path = f"/repos/{action.repository}/issues/{action.number}/assignees"
    client.post(path, json={"assignees": list(action.people)})
    for person in action.people if action.claim else ():
        memory.remember_claim(action.repository, action.number, person)
    return json.dumps({"assigned": action.people})


def is_taken(action: Assign, client: Client) -> bool:
    """Whether somebody else has the issue now."""
    issue = client.get(f"/repos/{action.repository}/issues/{action.number}")
    holders = {str(one["login"]).lower() for one in issue.get("assignees") or ()}
    return bool(holders - {person.lower() for person in action.people})


def unassign(action: Unassign, client: Client, memory: Memory) -> str:
    """Unassign, and forget the claims; returns a few words of JSON. Safe to repeat."""
    path = f"/repos/{action.repository}/issues/{action.number}/assignees"
    client.delete(path, json={"assignees": list(action.people)})
    for person in action.people:
        memory.forget_claim(action.repository, action.number, person)
    return json.dumps({"unassigned": action.people})


def set_state(action: SetState, client: Client) -> str:
    """Close or reopen; returns a few words of JSON. Safe to repeat."""
    values = {"state": action.state} | ({"state_reason": action.reason} if action.reason else {})
    client.patch(f"/repos/{action.repository}/issues/{action.number}", json=values)
    return json.dumps(values)


def replace_text(repository: str, comment: int, body: str, client: Client) -> str:
    """Give a comment of ours another text; one that was deleted needs none. Safe to repeat."""
    try:
        client.patch(f"/repos/{repository}/issues/comments/{comment}", json={"body": body})
    except NotFound:
        return json.dumps({"gone": comment})
    return json.dumps({"comment": comment})
