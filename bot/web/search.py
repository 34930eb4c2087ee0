"""Search for deliveries, with its conditions in the query string."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.history.records import DeliveryRow
from luggage.jobs import State

ON_A_PAGE = 50
# Searching decompresses each payload; this many take a second or two.
MOST_PAYLOADS = 5000
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of results; `following` are the parameters of the next page, or None."""

    rows: Sequence[DeliveryRow]
    following: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Search:
    """The conditions; "" matches anything. `before` is the last id of the previous page."""

    state: str = ""
    event: str = ""
    repository: str = ""
    text: str = ""
    before: str = ""

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> Self:
        """The search in a query string; ignores invalid conditions."""
        values = {name: arguments.get(name, "").strip()[:_LONGEST] for name in cls.__slots__}
        if values["state"] not in list(State):
            values["state"] = ""
        if not (values["before"].isascii() and values["before"].isdigit()):
            values["before"] = ""
        return cls(**values)

    @property
    def is_narrow(self) -> bool:
        """Whether there is any condition."""
        return any((self.state, self.event, self.repository, self.text))

    def parameters(self) -> Mapping[str, str]:
        """The query parameters of this page."""
        return {name: value for name, value in asdict(self).items() if value}

    def run(self, history: DeliveryHistory) -> SearchPage:
        """The page of results; raises SQLAlchemyError."""
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
        return SearchPage(shown, None if more is None else more.parameters())
