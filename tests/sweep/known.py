"""Known faults: what the sweep finds wrong and the project has not mended yet, with the reason."""

from dataclasses import dataclass

from tests.sweep.judge import Verdict
from tests.sweep.stage import Place


@dataclass(frozen=True)
class Known:
    """A fault at one place, for some answers; `wrong` is a part of the judge's words."""

    request: str
    maker: str
    replies: tuple[str, ...]
    wrong: str
    reason: str

    def covers_place(self, place: Place) -> bool:
        """Whether this is a fault of that place."""
        return (str(place), place.maker) == (self.request, self.maker)

    def covers(self, place: Place, reply: str, verdict: Verdict) -> bool:
        """Whether a verdict is this fault and nothing else."""
        here = self.covers_place(place) and reply in self.replies
        return here and all(self.wrong in each for each in verdict.wrong.split("; "))


KNOWN: tuple[Known, ...] = (
    Known(
        "GET /repos/{owner}/{repo}/issues/{issue_number}/timeline",
        "nudge",
        ("fields missing",),
        "lost without a word",
        "an event of a kind that the bot does not know has none of these fields",
    ),
    Known(
        "GET /search/issues",
        "preview",
        (
            "403 secondary limit",
            "403 primary limit",
            "403 limit in words",
            "409",
            "429",
            "500",
            "502 before",
            "502 after",
            "503",
            "HTML page",
            "proxy's 404",
            "proxy's redirect",
            "empty body",
            "cut body",
            "slow",
        ),
        "lost for good by what passes",
        "the preview says what it could not ask; a new push asks again",
    ),
)
