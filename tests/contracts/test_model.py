"""The model of claim, lease, fencing and effect (docs/model), checked completely by spin.

Each part of the protocol is also removed by name, which must break a promise.
"""

import re
import subprocess
from functools import partial
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[2] / "docs" / "model" / "comment.pml"
CRASH, STOP, LOSS = "-DCRASHES=1", "-DSTOPS=1", "-DLOSSES=1"
# Breadth first: the shortest way to a fault is the easiest to read, and the quickest to find.
SHORTEST = ("-DSAFETY", "-DBFS", "-O0")

pytestmark = pytest.mark.needs("spin", "cc")


def report_of(directory, *definitions, compiler=("-DSAFETY", "-O1"), checker=()):
    """Return spin's report on the model with some definitions, made in an empty directory."""

    def run(*command):
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("spin", "-a", *definitions, str(MODEL))
    run("cc", "-w", "-DMEMLIM=1500", *compiler, "-o", "pan", "pan.c")
    return run("./pan", *checker)


@pytest.fixture
def check(tmp_path):
    """A function that returns spin's report on the model with some definitions."""
    return partial(report_of, tmp_path)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The report on the model with all its parts."""
    return report_of(tmp_path_factory.mktemp("full"))


def fault(report):
    """Return the fault that spin found: lost, twice, late, disordered; None for none."""
    found = re.search(r"assertion violated\s+!\(?(\w+)", report)
    assert (found is None) == ("errors: 0" in report), report
    return found and found[1]


def is_complete(report):
    """Return whether spin visited every state, without running out of memory."""
    return re.search(r"not completed|too small|truncated|out of memory", report) is None


def test_the_protocol_keeps_its_promises(full):
    """With 3 crashes, a stop and a loss, nothing is lost, repeated, late or out of order."""
    assert (fault(full), is_complete(full)) == (None, True)


def test_two_subjects_keep_the_promises_side_by_side(check):
    """Two workers that handle two subjects concurrently keep the promises too."""
    report = check("-DSUBJECTS=2", CRASH)
    assert (fault(report), is_complete(report)) == (None, True)


def test_every_run_comes_to_its_end(check):
    """There is no cycle: under any schedule both jobs end up done."""
    report = check("-DCRASHES=2", compiler=("-DNP", "-O1"), checker=("-l",))
    assert (fault(report), is_complete(report)) == (None, True)


def test_no_part_of_the_model_is_idle(full):
    """Each step of the model is taken in some run, except for the death of a job."""
    unreached = re.findall(r"comment\.pml:\d+, state \d+, \"(.*)\"", full)
    assert set(unreached) == {"state[0] = DEAD", "state[1] = DEAD", "-end-"}


def test_a_job_that_five_workers_died_of_is_dead(check):
    """The checker finds a job that is not done, once one more worker is lost."""
    found = fault(check("-DCRASHES=5", "-DSTOPS=0", "-DLOSSES=0", compiler=SHORTEST))
    assert found == "lost"


@pytest.mark.parametrize(
    ("switch", "faults", "found"),
    [
        ("NO_LEASE", (), "lost"),
        ("NO_EXPIRY", (CRASH,), "lost"),
        ("NO_FENCE", (STOP,), "late"),
        ("NO_NOTE", (CRASH,), "twice"),
        ("NO_CAUTION", (CRASH, LOSS), "twice"),
        ("NO_LAG", (LOSS,), "twice"),
        ("NO_SPAN", (LOSS,), "twice"),
        ("NO_DEADLINE", (STOP,), "twice"),
        ("NO_ORDER", (), "disordered"),
        ("NO_BOUND", (CRASH,), "twice"),
    ],
)
def test_no_part_can_be_left_out(check, switch, faults, found):
    """Without any one part of the protocol or its assumptions, a promise breaks."""
    none = ("-DCRASHES=0", "-DSTOPS=0", "-DLOSSES=0")
    given = {name.partition("=")[0] for name in faults}
    rest = [name for name in none if name.partition("=")[0] not in given]
    assert fault(check(f"-D{switch}", *faults, *rest, compiler=SHORTEST)) == found


def test_a_late_result_that_is_accepted_is_a_second_comment(check):
    """Without the fence a comment is written twice."""
    given = ("-DNO_FENCE", "-DSUFFER_LATE", "-DCRASHES=0", STOP, "-DLOSSES=0")
    assert fault(check(*given, compiler=SHORTEST)) == "twice"
