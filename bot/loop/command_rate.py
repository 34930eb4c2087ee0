"""Rate of commands: how much one person's comments may make the bot do in an hour.

What counts are the actions that their comments led to, as the queue has them. Who has reached the
limit is told so in one comment, and the bot does not read their commands for the next hour. People
with a role in the repository have no limit. docs/decisions/0164 says why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.actions import ACTIONS, Action, Comment, React
from bot.events import Event
from bot.store.enqueue import COMMANDS, DeliveryNote
from luggage.jobs import Job, Queue

# The rule that the comment is recorded under.
NAME = "commands"
HOUR_SECONDS = 3600.0
DEFAULT_PER_HOUR = 30
# The events of comments, and of issues that open with commands.
_KINDS = ("issue_comment", "issues", "pull_request_review", "pull_request_review_comment")
# Pull requests count where a note says that their body has commands: pushes and labels are events
# of the same name.
_NOTED = "pull_request"
_TOLD = (
    "@{person}, you keep me busy! I have done a lot for you in the last hour, so I take a break "
    "from your commands and listen again from {until} on."
)


@dataclass(frozen=True)
class CommandRate:
    """The rate of all people; `per_hour` of 0 means no limit. `clock` returns epoch seconds."""

    queue: Queue
    clock: Callable[[], float]
    per_hour: int = DEFAULT_PER_HOUR

    def heard(self, event: Event, job: Job) -> Event:
        """The event as rules see it: without its commands while the bot does not listen."""
        # Whoever is not listened to cannot make the bot parse their texts, either.
        if event.message is None or not self._is_limited(job) or not self._is_deaf(job):
            return event
        return replace(event, message=replace(event.message, text=""))

    def note(self, event: Event, job: Job) -> None:
        """Note on the delivery of a new pull request that its body has commands. Safe to repeat.

        Raises LeaseLost.
        """
        note, message = DeliveryNote.decode(job.note), event.message
        if event.name != _NOTED or note.only or not self._is_limited(job):
            return
        if message is not None and message.commands():
            self.queue.note(job, replace(note, commands=True).encode())

    def told(self, event: Event, job: Job, actions: Sequence[Action]) -> Comment | None:
        """A comment that says until when the bot does not listen, if these actions are too many."""
        message, repository = event.message, event.repository
        if message is None or repository is None or not self._is_limited(job):
            return None
        new = sum(action.kind != React.kind for action in actions)
        if message.author is None or not new or not message.commands():
            return None
        if self._done(job) + new < self.per_hour:
            return None
        until = datetime.fromtimestamp(self.clock() + HOUR_SECONDS, UTC)
        text = _TOLD.format(person=message.author.login, until=until.strftime("%H:%M UTC"))
        return Comment(
            about=_about(job, self.clock()),
            repository=repository.full_name,
            number=message.number,
            text=text,
            thread=message.thread,
        )

    def _is_limited(self, job: Job) -> bool:
        return self.per_hour > 0 and bool(job.person) and not job.urgent

    def _is_deaf(self, job: Job) -> bool:
        """Whether the person was told so within the last hour."""
        now = self.clock()
        told = (
            self.queue.find(ACTIONS, f"{Comment.kind}:{_about(job, at)}")
            for at in (now, now - HOUR_SECONDS)
        )
        return any(row is not None and now < row.created_at + HOUR_SECONDS for row in told)

    def _done(self, job: Job) -> int:
        return self.queue.caused(
            job.tenant,
            job.person,
            since=self.clock() - HOUR_SECONDS,
            parents=_KINDS,
            noted={_NOTED: COMMANDS},
            # Nor does a rule that is evaluated again.
            without=[React.kind, *_KINDS, _NOTED],
            most=self.per_hour,
        )


def _about(job: Job, at: float) -> str:
    """One text for each person and hour, so that two comments at once are answered once."""
    return f"rate {job.tenant}/{job.person} {int(at // HOUR_SECONDS)}"
