"""A day of downtime: GitHub's log is full of failed deliveries."""

from luggage.fake_github import Happening
from tests.faults.campaign import Row, Run
from tests.faults.load import ACCEPTED, Delivery, Effect, Town, answer
from tests.faults.site import Site

_DAY_SECONDS = 24 * 3600.0
_OF_INTEREST = 26  # one delivery in so many: 270 of 7,000
_PROMISED_SECONDS = 600.0


def run(run: Run) -> None:
    """One organization with GitHub's own budget for writes; most events are noise."""
    clock = Clock()
    fake = run.github(clock=clock)
    town = run.town(fake, 1)
    deliveries: list[Delivery] = []
    wanted = 0
    begin = clock.now() - _DAY_SECONDS
    for number in range(run.count):
        clock.at = begin + _DAY_SECONDS * number / run.count
        interesting = number % _OF_INTEREST == 0
        deliveries.append(_missed(town, interesting=interesting))
        wanted += interesting
    clock.at = None
    run.say(f"{run.count} deliveries are missed, {wanted} of interest")
    with run.site(fake) as site:
        fake.webhook_url = f"http://127.0.0.1:{site.port}/webhook/github"
        site.run("start")
        took = site.until(lambda: _all_done(site, wanted), "all are done")
        reads = len(fake.calls_to("GET", "/app/hook/deliveries*"))
        run.note(missed=run.count, of_interest=wanted, done_after_s=took, reads_of_the_log=reads)
        run.judge(fake, [delivery for delivery in deliveries if delivery.effect])
        run.expect_in_time(took <= _PROMISED_SECONDS, f"it took {took:.0f} s")


class Clock:
    """GitHub's clock, set back while the missed events happen."""

    def __init__(self) -> None:
        self.at: float | None = None

    def now(self) -> float:
        """The true time."""
        import time  # noqa: PLC0415

        return time.time()

    def __call__(self) -> float:
        """The time by GitHub's clock."""
        return self.now() if self.at is None else self.at


def _missed(town: Town, *, interesting: bool) -> Delivery:
    repository = town.repositories[0]
    happening = _review(town, repository) if interesting else town.fake.star(repository, "asker")
    effect = _answer(repository, happening) if interesting else None
    delivery = town.delivery(happening, effect)
    delivery.statuses.append(ACCEPTED)  # it is to be done
    town.fake.miss(*happening, delivery_id=delivery.guid)
    return delivery


def _review(town: Town, repository: str) -> Happening:
    """A review with a command: it leads to one comment and nothing else."""
    person = town.person()
    opened = town.fake.open_pull_request(repository, person)
    return town.fake.review(repository, opened.payload["number"], person, "/ping")


def _answer(repository: str, happening: Happening) -> Effect:
    number, review = happening.payload["pull_request"]["number"], happening.payload["review"]["id"]
    return answer(repository, number, f"ping {repository}/reviews/{review}")


def _all_done(site: Site, wanted: int) -> bool:
    query = "SELECT count(*) FROM job WHERE queue = 'action' AND state = 'done'"
    return int(site.ask(query)[0][0]) >= wanted and not site.waiting()


ROW = Row(
    name="a-day-down",
    fault="down for 24 h: 7,000 deliveries missed, 270 of interest, one comment each",
    target="all 270 done in 10 minutes, 0 repeated",
    size="deliveries missed",
    full=7_000,
    short=80,
    run=run,
)
