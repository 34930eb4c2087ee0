"""Pause order: pauses or resumes the bot for one organisation."""

from dataclasses import dataclass
from typing import ClassVar

from bot.actions.base import Action
from bot.actions.work import Result, Superseded, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest(Action):
    """Pause or resume what the bot does for an organisation.

    `ordered_at` is when the order was given: GitHub's ISO 8601 in UTC.

    Safe to repeat: the latest order counts, whichever comes in last.
    """

    kind: ClassVar[str] = "rest"
    noun: ClassVar[tuple[str, str]] = ("pause or resume", "pauses or resumes")

    about: str
    organization: str
    paused: bool
    ordered_at: str

    def describe(self) -> str:
        """The action in words, for people."""
        return f"{'pause' if self.paused else 'resume'} the work for {self.organization}"

    def perform(self, work: Work) -> Result:
        """Obey; returns whether that changed anything. Raises Superseded for an old order."""
        if not work.people.is_latest_order(self.organization, self.ordered_at):
            raise Superseded("a later order was obeyed already")
        if self.paused:
            return Result({"changed": work.jobs.pause_part(self.organization)})
        # What came in before the organisation was renamed waits under its former name.
        names = [self.organization, *work.people.former_names(self.organization)]
        changed = [work.jobs.resume_part(name) for name in names]
        return Result({"changed": any(changed)})
