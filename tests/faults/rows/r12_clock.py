"""A wrong clock: ten minutes off either way, or jumping during work."""

from luggage.fake_github import faults
from tests.faults.campaign import Row, Run
from tests.faults.load import Delivery
from tests.faults.site import Site

_OFF_SECONDS = 600.0
_LOST = "SELECT count(*) FROM job WHERE attempt > 1"
_REFUSED = "no longer held by claim"


def run(run: Run) -> None:
    """Run four bots: ahead, behind, jumping ahead, jumping back; GitHub is slow."""
    for name, before, after in (
        ("ahead", _OFF_SECONDS, None),
        ("behind", -_OFF_SECONDS, None),
        ("jump ahead", 0.0, _OFF_SECONDS),
        ("jump back", 0.0, -_OFF_SECONDS),
    ):
        if run.short and name == "jump back":
            continue  # what waits when the clock goes back waits until it has caught up
        _try(run, name, before, after)


def _try(run: Run, name: str, before: float, after: float | None) -> None:
    fake = run.github()
    fake.faults.append(faults.plan(faults.slow(0.2), times=None))
    town = run.town(fake, 20)
    deliveries = list(town.mixed(run.count))
    clock = run.home / f"clock {name}"
    clock.write_text(str(before))
    # The short form keeps the product's lease: a busy machine loses a short one.
    with run.site(fake, scaled=False, clock=str(clock)) as site:
        site.web()
        site.loops(1 if run.short else 2)
        first, second = deliveries[: run.count // 2], deliveries[run.count // 2 :]
        run.sender(site).post_all(first, again_seconds=0.5)
        if after is not None:
            # Written elsewhere and moved, so that no process reads an empty file.
            beside = clock.with_suffix(".new")
            beside.write_text(str(after))
            beside.rename(clock)
        run.sender(site).post_all(second, again_seconds=0.5)
        seconds = site.drained()
        _conclude(run, name, site, fake, deliveries, seconds)


def _conclude(run, name, site: Site, fake, deliveries: list[Delivery], seconds: float) -> None:
    refused = sum(call.status == 401 for call in fake.calls)
    lost = sum(_REFUSED in line and " WARNING " in line for line in site.outputs().splitlines())
    again = site.ask(_LOST)[0][0]
    run.say(
        f"{name}: {seconds:.0f} s, {refused} times 401, {lost} leases lost, {again} tried twice"
    )
    run.note(**{f"{name}: drained after s": seconds, f"{name}: leases lost": lost})
    run.note(**{f"{name}: tried twice": again, f"{name}: answers 401": refused})
    run.expect(not lost, f"{name}: {lost} leases were lost early")
    run.judge(fake, deliveries, under=name)


ROW = Row(
    name="clock",
    fault="clock 10 minutes off, either way, and a jump",
    target="tokens are had, no lease lost early",
    size="deliveries each",
    full=400,
    short=12,
    run=run,
)
