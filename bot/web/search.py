"""What an operator looks for among the deliveries: from the address of the page, and back to it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.history.records import DeliveryRow
from luggage.jobs import State

ON_A_PAGE = 50
# Payloads lie compressed; so many are unpacked for one look, in a second or two.
MOST_PAYLOADS = 5000
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found; `following` are the parameters of the next one, if there is."""

    rows: Sequence[DeliveryRow]
    following: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Search:
    """The conditions, each empty for any; `before` is the last id of the page before."""

    state: str = ""
    event: str = ""
    repository: str = ""
    text: str = ""
    before: str = ""

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> Self:
        """The search that an address asks for; what makes no sense there is left out."""
        given = {name: arguments.get(name, "").strip()[:_LONGEST] for name in cls.__slots__}
        if given["state"] not in list(State):
            given["state"] = ""
        if not (given["before"].isascii() and given["before"].isdigit()):
            given["before"] = ""
        return cls(**given)

    @property
    def is_narrow(self) -> bool:
        """Whether there is any condition."""
        return any((self.state, self.event, self.repository, self.text))

    def parameters(self) -> Mapping[str, str]:
        """What the address of this page is made with."""
        return {name: value for name, value in asdict(self).items() if value}

    def run(self, history: DeliveryHistory) -> Found:
        """The page; raises SQLAlchemyError."""
        rows = history.deliveries(
            state=State(self.state) if self.state else None,
            event=self.event or None,
            repository=self.repository or None,
            text=self.text or None,
            before=int(self.before[:18]) if self.before else None,
            limit=ON_A_PAGE + 1,
            most=MOST_PAYLOADS,
        )
        shown = rows[:ON_A_PAGE]
        more = replace(self, before=str(shown[-1].id)) if len(rows) > ON_A_PAGE else None
        return Found(shown, None if more is None else more.parameters())
