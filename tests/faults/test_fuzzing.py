"""tests.faults.fuzzing: the coverage-guided fuzzer finds and reports bugs."""

import json
from types import SimpleNamespace

import pytest

from bot.events import view
from tests.faults.fuzzing import guided
from tests.faults.fuzzing.targets import CANARY, TARGETS
from tests.faults.rows import r15_malformed


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_seed_keeps_the_promise_of_its_target(target, monkeypatch, tmp_path):
    """Every seed keeps the target's promise."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    take = target.prepare()
    for one in target.seeds():
        take(one)


@pytest.mark.needs("atheris")
def test_a_fault_three_steps_deep_is_found_kept_and_told(tmp_path):
    """Guided fuzzing finds the bug; its input is shown, kept, and fails again."""
    (told,) = guided.fuzz([CANARY.name], runs=300_000, seed=1, home=tmp_path / "it", light=True)
    words = guided.words(told, kept=tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    assert told["found"] == "RuntimeError: the canary is found"
    assert told["code"] != 0
    assert str(kept) in words
    with pytest.raises(RuntimeError, match="canary"):
        CANARY.prepare()(kept.read_bytes())


def test_without_a_fuzzer_the_row_says_why(monkeypatch):
    """The other targets are fuzzed nevertheless."""
    noted = {}
    monkeypatch.setattr(r15_malformed.needs, "absent", lambda name: f"no {name} here")
    r15_malformed._guided(SimpleNamespace(leave_out=noted.__setitem__))
    assert "no atheris here" in str(noted["guided by coverage"])


def test_a_target_sees_a_parser_that_stumbles(monkeypatch):
    """An undocumented exception is reported."""
    monkeypatch.setattr("tests.faults.fuzzing.targets.view", lambda *_: view("issues", None))
    with pytest.raises(AttributeError):
        TARGETS["deliveries"].prepare()(b"issues\n" + json.dumps({"action": "x"}).encode())
