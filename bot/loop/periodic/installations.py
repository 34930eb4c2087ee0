"""Installations task: finds out where GitHub refuses the App, and whether deliveries can come in.

One request lists a hundred installations. An IP allow list only shows when a job meets it, so an
installation that has one is asked again until it answers.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.loop.periodic.scheduler import run_each
from bot.store.refusals import THE_APP, Refusal, RefusalKind, Refusals, refusal_of, unreachable
from luggage.github import Blocked, GithubApp

EVERY_SECONDS = 300.0
_MALFORMED = (AttributeError, KeyError, TypeError, ValueError)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class InstallationsCheck:
    """Stores the refusals of all installations; `needed` are the permissions of the rules."""

    app: GithubApp
    refusals: Refusals
    needed: Mapping[str, str]
    polls: bool = False

    def __call__(self) -> None:
        """Run once; an installation that fails stops no other. Safe to repeat and kill.

        Raises RequestFailed if GitHub does not list the installations.
        """
        known = {each.installation: each for each in self.refusals.all()}
        listed: dict[int, Callable[[], None]] = {}
        for each in self.app.app_client.pages("/app/installations"):
            try:
                number = int(each["id"])
                listed[number] = partial(
                    self._check, number, refusal_of(each, self.needed), known.get(number)
                )
            except _MALFORMED:
                log.exception("GitHub lists a malformed installation")
        self.refusals.end([each for each in known if each not in {*listed, THE_APP}])
        self._check_address(known.get(THE_APP))
        run_each("not every installation was checked", listed.values())

    def _check_address(self, known: Refusal | None) -> None:
        hook = self.app.app_client.get("/app/hook/config")
        found = unreachable(str(hook.get("url") or ""), polls=self.polls)
        if found is None:
            self.refusals.end([THE_APP] if known else [])
        elif known is None or known.words != found.words:
            log.warning("%s: %s", found.words, found.remedy)
            self.refusals.note(found)

    def _check(self, number: int, found: Refusal | None, known: Refusal | None) -> None:
        if known is not None and known.kind == RefusalKind.ADDRESS and self._is_blocked(number):
            return
        if found is not None:
            self.refusals.note(found)
        elif known is not None:
            self.refusals.end([number])

    def _is_blocked(self, installation: int) -> bool:
        params: Mapping[str, Any] = {"per_page": 1}
        try:
            self.app.client_for(installation).get("/installation/repositories", params=params)
        except Blocked:
            return True
        return False
