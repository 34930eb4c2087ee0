"""`kill -9` of the loop at each step; each life draws its point and pass."""

from tests.faults.campaign import Row, Run
from tests.faults.points import STEPS
from tests.faults.site import kills

# A kill costs a job in progress one of its five attempts. Lives are long enough that no job is hit
# five times: four jobs in progress among some two hundred passes.
_MEAN_PASSES = 130
_SHORT_PASSES = 40


def run(run: Run) -> None:
    """Deliveries stream in while the loop is killed again and again, at its own points."""
    fake = run.github(read_lag_seconds=0.3 if run.short else 4.0)
    town = run.town(fake, 8 if run.short else 250)
    mean = _SHORT_PASSES if run.short else _MEAN_PASSES
    point = {"seed": f"{run.seed} {run.database}", "names": STEPS, "mean": mean, "act": "kill"}
    deliveries = list(town.mixed(run.count))
    run.say(f"{run.count} deliveries are made")
    with run.site(fake) as site:
        site.web()
        loop = site.run("reborn", "loop", orders={"point": point})
        sender = run.sender(site)

        sender.post_all(deliveries, again_seconds=0.5, said=run.progress("posted", run.count))
        run.say(f"all posted; {site.waiting()} jobs wait")
        run.note(drained_after_s=site.drained())
        died = kills(loop.output)
        run.note(kills=sum(died.values()), at_different_points=len(died))
        run.expect(died, "the loop was never killed")
        run.judge(fake, deliveries)
        run.note(**_ends(site.states()))


def _ends(states: dict[str, int]) -> dict[str, int]:
    return {"dead": sum(count for name, count in states.items() if name.endswith("dead"))}


ROW = Row(
    name="kill-at-each-step",
    fault="`kill -9` of the loop at each step of claim, decide, queue, send, record",
    target="0 lost, 0 repeated",
    size="deliveries",
    full=10_000,
    short=60,
    run=run,
)
