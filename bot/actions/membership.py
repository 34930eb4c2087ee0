"""Actions about who belongs to an organisation, and about its orders to rest; safe to repeat.

* an invitation: looks first, and offers membership only to somebody who has none and has not been
  seen with one since it was decided; so a repetition finds what the first try did, nobody's role is
  ever changed, and nobody who left or declined is asked again. It is noted before it is sent, and
  what was noted in one day (UTC) counts against the day's limit: above it, it waits for the next.
* a place in a team: looks first, and gives it only to somebody who is not in it: whoever is, keeps
  the role.
* an order to rest: the latest order counts, so that an older one that comes in later does nothing.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from bot.actions import Invite, JoinTeam, Rest
from bot.store.people import Memory
from luggage.github import Ambiguous, Client, NotFound, RequestFailed
from luggage.jobs import Postpone, Queue

# So long an invitation may rest on a look: a process that was stopped between the two finds that it
# is too late, because another may have invited meanwhile. With the 25 s that a request may take to
# arrive it is no more than what is left of a lease.
LOOK_SECONDS = 15.0


class ReadingClient(Protocol):
    """The one thing that is asked of a client here: `GET`, with the names put into the path."""

    def get(
        self, path: str, /, *, params: Mapping[str, object] | None = None, **names: str | int
    ) -> Any:
        """The decoded JSON of GitHub's answer; raises luggage.github's RequestFailed."""


class Moot(Exception):  # noqa: N818  # an order, not a failure
    """What was decided is not to be done any more; nor is what was to follow."""


def invite(action: Invite, client: Client, memory: Memory, now: float) -> str:
    """Offer membership; GitHub's answer in a few words of JSON.

    Raises RequestFailed; Postpone when the day's invitations are spent; Moot for somebody who has
    been seen in the organisation, or invited, since it was decided.
    """
    organization, person = action.organization, action.person
    state = membership_at_github(client, organization, person)
    if state is None:
        if memory.membership(organization, person) is not None:
            raise Moot(f"{person} has been in {organization}, or was invited, meanwhile")
        _wait_for_a_day_that_has_room(action, memory, now)
        state = _invite(action, client, memory, not_after=now + LOOK_SECONDS)
    memory.remember(organization, person, state)
    return json.dumps({"state": state})


def _invite(action: Invite, client: Client, memory: Memory, *, not_after: float) -> str:
    sent_at = memory.inviting(action.organization, action.person)
    try:
        answer = client.put(
            "/orgs/{organization}/memberships/{person}",
            json={"role": action.role},
            not_after=not_after,
            organization=action.organization,
            person=action.person,
        )
    except Ambiguous:
        raise
    except RequestFailed:
        # GitHub did not take it, for certain: it does not count.
        memory.not_invited(action.organization, action.person, sent_at)
        raise
    return str(answer["state"])


def _wait_for_a_day_that_has_room(action: Invite, memory: Memory, now: float) -> None:
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    others = memory.invited_since(action.organization, today.timestamp(), but=action.person)
    if action.most_a_day and others >= action.most_a_day:
        tomorrow = (today + timedelta(days=1)).timestamp()
        raise Postpone(tomorrow, f"{others} people were invited today, which is the most a day")


def join_team(action: JoinTeam, client: Client) -> str:
    """Put somebody into a team; GitHub's answer in a few words of JSON. Raises RequestFailed.

    GitHub: "Add or update team membership for a user".
    """
    path = "/orgs/{organization}/teams/{team}/memberships/{person}"
    organization, team, person = action.organization, action.team, action.person
    try:
        place = client.get(path, organization=organization, team=team, person=person)
    except NotFound:
        role = {"role": action.role}
        place = client.put(path, json=role, organization=organization, team=team, person=person)
    return json.dumps({"role": place["role"], "state": place["state"]})


def rest(action: Rest, queue: Queue, memory: Memory) -> str:
    """Pause or resume; says in JSON whether that changed anything. Raises Moot for an old order."""
    if not memory.is_latest_order(action.organization, action.ordered_at):
        raise Moot("a later order was obeyed already")
    change = queue.pause_part if action.paused else queue.resume_part
    return json.dumps({"changed": change(action.organization)})


def membership_at_github(client: ReadingClient, organization: str, person: str) -> str | None:
    """`active`, `pending` or None, as GitHub has it now; 404 means neither."""
    place = place_at_github(client, organization, person)
    return None if place is None else str(place["state"])


def place_at_github(client: ReadingClient, organization: str, person: str) -> Any | None:
    """GitHub's membership of a person in an organisation; None on 404. Raises RequestFailed."""
    try:
        return client.get(
            "/orgs/{organization}/memberships/{person}", organization=organization, person=person
        )
    except NotFound:
        return None
