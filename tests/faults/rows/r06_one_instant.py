"""Two events about one pull request at once, with four loops."""

from tests.faults.campaign import Row, Run
from tests.faults.load import Delivery, Sender, Town, together

_LOOPS = 4


def run(run: Run) -> None:
    """Alternate: one merge under two ids at once; two /ping in quick succession."""
    fake = run.github()
    town = run.town(fake, 10 if run.short else 250)
    deliveries: list[Delivery] = []
    with run.site(fake) as site:
        site.web()
        site.loops(_LOOPS)
        senders = [run.sender(site), run.sender(site)]
        said = run.progress("pairs posted", run.count)
        for number in range(run.count):
            repository = town.repositories[number % len(town.repositories)]
            pair = _told_twice if number % 2 else _two_questions
            deliveries += pair(town, repository, senders)
            said(number + 1)
        run.note(pairs=run.count, loops=_LOOPS, drained_after_s=site.drained())
        run.judge(fake, deliveries)


def _told_twice(town: Town, repository: str, senders: list[Sender]) -> list[Delivery]:
    """GitHub delivers one merge under two ids; both posts start at once."""
    one = town.merge(repository)
    headers = {**one.headers, "X-GitHub-Delivery": f"{one.guid}-again"}
    other = Delivery(f"{one.guid}-again", one.event, headers, one.body, one.effect)
    together(lambda: _post(senders[0], one), lambda: _post(senders[1], other))
    return [one, other]


def _two_questions(town: Town, repository: str, senders: list[Sender]) -> list[Delivery]:
    """Post two comments, the second as soon as the first is answered 202."""
    number = town.issue(repository)
    pair = [town.ping(repository, number), town.ping(repository, number)]
    for sender, delivery in zip(senders, pair, strict=True):
        sender.post(delivery)
    return pair


def _post(sender: Sender, delivery: Delivery) -> None:
    sender.post(delivery)
    sender.hang_up()


ROW = Row(
    name="one-instant",
    fault="two events about one pull request at one instant, 4 loops",
    target="one comment, in order",
    size="pairs",
    full=5_000,
    short=30,
    run=run,
)
