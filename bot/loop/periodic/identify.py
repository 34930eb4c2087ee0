"""Identification task: asks GitHub for the ids of people whom an older version knew by name.

Whoever was invited, joined or left, and of whom no delivery was stored at the upgrade
(bot.loop.adoption), is only known by a login. Once their id is known, a new login changes nothing.
One pass after each start, a few people a run; then the task asks nothing.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from bot.actions.write_once import look_first
from bot.events import ACCOUNT, person
from bot.store.people import Nameless, People
from luggage.github import Blocked, Client, GithubApp
from luggage.github.errors import Forbidden, NotFound

EVERY_SECONDS = 300.0
# At most so many people, and requests for each of them, in one run.
MOST_A_RUN = 50

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Identification:
    """Learns the ids of remembered people who have none."""

    app: GithubApp
    people: People
    _after: tuple[str, str] | None = field(default=("", ""), init=False)

    def __call__(self) -> None:
        """Ask about the next people; an organisation without the App is passed over.

        Raises RequestFailed if GitHub does not answer; the next run asks again. Safe to repeat.
        """
        if self._after is None:
            return
        found = self.people.nameless(after=self._after, limit=MOST_A_RUN)
        for organization, people in groupby(found, key=lambda each: each.organization):
            self._identify(organization, list(people))
        self._after = (found[-1].organization, found[-1].person) if found else None

    def _identify(self, organization: str, people: Sequence[Nameless]) -> None:
        login = self.people.present(ACCOUNT, organization)
        try:
            found = self.app.app_client.get("/orgs/{login}/installation", login=login)
            client = self.app.client_for(int(found["id"]))
            learned = sum(self._is_learned(client, each) for each in people)
        except (NotFound, Forbidden, Blocked) as error:
            log.warning("people of %s are only known by their names: %s", login, error)
            return
        log.info("%s: %d of %d remembered people have an id now", login, learned, len(people))

    def _is_learned(self, client: Client, remembered: Nameless) -> bool:
        answer = look_first(client, "/users/{login}", login=remembered.person)
        if answer is None or not _was_there(answer, remembered.seen_at):
            return False  # They were renamed already, and perhaps another has the login.
        self.people.saw(str(answer["login"]), int(answer["id"]))
        return True


def _was_there(account: Mapping[str, Any], seen_at: float) -> bool:
    """Whether a person's account is as old as what is remembered."""
    found = person(account)
    is_person = found is not None and not found.is_bot
    return is_person and datetime.fromisoformat(account["created_at"]).timestamp() <= seen_at
