"""docs/deploy/grafana.json and alerts.yaml: each metric in them is one that /metrics has."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from flask import Flask

import bot.store.tables
import luggage.jobs
from bot.store import meters as metrics
from bot.store.board import SqlBoard
from bot.store.recovery import QueueInbox
from bot.store.totals import Totals
from bot.web.metrics import Exposition, blueprint
from luggage.database import History, open_engine
from luggage.jobs import Queue
from luggage.telemetry.meter import Meter
from tests.support import needs
from tests.support.clock import FakeClock
from tests.support.migrated import migrated

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "docs/deploy/alerts.yaml"
DASHBOARD = json.loads((ROOT / "docs/deploy/grafana.json").read_text())
RULES = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
PAGE = (ROOT / "docs/howto/observe.md").read_text()


@pytest.fixture(scope="module")
def exposed(tmp_path_factory):
    """What /metrics says when everything has been counted once."""
    clock = FakeClock()
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('metrics') / 'bot.sqlite'}")
    jobs = History("jobs", luggage.jobs.MIGRATIONS, luggage.jobs.metadata)
    bots = History("bot", "bot.store.migrations", bot.store.tables.metadata)
    migrated(engine, [jobs, bots])
    totals, meter = Totals(engine, name="one", clock=clock), Meter()
    for counter in metrics.COUNTERS:
        meter.add(counter, *("x" for _ in counter.labels))
    for histogram in metrics.HISTOGRAMS:
        meter.observe(histogram, 0.1, *("x" for _ in histogram.labels))
    for gauge in (metrics.LIMIT, metrics.LIMIT_REMAINING, metrics.LIMIT_RESET):
        meter.see(gauge, clock() + 60, "7", "core")
    totals.add(meter)
    queue = Queue(engine, clock=clock)
    QueueInbox(engine=engine, queue=queue, clock=clock, settle_seconds=0.0).begin()
    exposition = Exposition(
        engine=engine,
        queue=queue,
        board=SqlBoard(engine, clock=clock),
        totals=totals,
        build=lambda: {"version": "1", "commit": "c", "python": "3"},
        clock=clock,
    )
    app = Flask("bot", static_folder=None)
    app.register_blueprint(blueprint(exposition, "token"))
    answer = app.test_client().get("/metrics", headers={"Authorization": "Bearer token"})
    yield answer.text
    engine.dispose()


def named(expression):
    """The metrics that an expression of PromQL asks for."""
    return set(re.findall(r"\bportmanteau_\w+", expression))


def expressions():
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_each_metric_that_is_queried_exists(exposed, where, expression):
    """A metric that was renamed would leave an alert that can never come, and an empty panel."""
    told = set(re.findall(r"^(portmanteau_\w+)", exposed, re.MULTILINE))
    assert named(expression)
    assert named(expression) <= told, where


def test_each_metric_is_on_the_page(exposed):
    """docs/howto/observe.md says of each what it is."""
    for name in re.findall(r"^# TYPE (\w+)", exposed, re.MULTILINE):
        assert f"| `{name}" in PAGE, name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_says_how_bad_it_is_and_the_page_what_to_do(rule):
    """An alert in the night is of use only with its remedy."""
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["annotations"]["summary"]
    assert re.search(rf"^\| `{rule['alert']}` \| .+ \| .+ \|$", PAGE, re.MULTILINE)


def test_the_dashboard_asks_the_data_source_that_is_chosen():
    """No panel is bound to somebody else's Prometheus, and none lies on another."""
    (variable,) = DASHBOARD["templating"]["list"]
    assert variable["type"] == "datasource"
    taken = set()
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"]["uid"] == f"${{{variable['name']}}}"
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells


def promtool(*arguments, given=""):
    """Run Prometheus's own checker; skips the test where it is not installed."""
    command = [needs.program("promtool"), *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


def test_prometheus_takes_the_alerts():
    """Each expression is PromQL, each duration a duration, each template a template."""
    done = promtool("check", "rules", str(ALERTS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_finds_nothing_wrong_with_the_metrics(exposed):
    """Names and units are as its authors advise."""
    done = promtool("check", "metrics", given=exposed)
    assert done.returncode == 0, done.stdout + done.stderr


def alarm(name, series, at="30m", **labels):
    """A case for promtool: with these series, this alert and no other is up at that time."""
    firing = [{"exp_labels": labels}] if labels else []
    return {
        "interval": "1m",
        "input_series": [
            {"series": one, "values": values}
            for one, values in {"portmanteau_build_info": "1x60", **series}.items()
        ],
        "alert_rule_test": [{"eval_time": at, "alertname": name, "exp_alerts": firing}],
    }


CASES = {
    "healthy": alarm("PortmanteauLoopSilent", {"portmanteau_loop_silent_seconds": "3x60"}),
    "silent": alarm(
        "PortmanteauLoopSilent",
        {"portmanteau_loop_silent_seconds": "0+60x60"},
        severity="critical",
    ),
    "never heard": alarm(
        "PortmanteauLoopSilent",
        {"portmanteau_loop_silent_seconds": "Inf+0x60"},
        severity="critical",
    ),
    "old": alarm(
        "PortmanteauQueueOld",
        {
            'portmanteau_jobs_oldest_seconds{queue="action",state="ready"}': "0+60x60",
            "portmanteau_paused": "0x60",
        },
        queue="action",
        severity="warning",
    ),
    "old but paused": alarm(
        "PortmanteauQueueOld",
        {
            'portmanteau_jobs_oldest_seconds{queue="action",state="ready"}': "0+60x60",
            "portmanteau_paused": "1x60",
        },
    ),
    "retries": alarm(
        "PortmanteauRetries",
        {'portmanteau_jobs_total{queue="action",outcome="retried"}': "0+3x60"},
        queue="action",
        severity="warning",
    ),
    "budget": alarm(
        "PortmanteauBudgetLow",
        {
            'portmanteau_github_limit{installation="7",resource="core"}': "5000x60",
            'portmanteau_github_limit_remaining{installation="7",resource="core"}': "499x60",
        },
        installation="7",
        resource="core",
        severity="warning",
    ),
    "lag": alarm(
        "PortmanteauRecoveryLag",
        {"portmanteau_recovery_lag_seconds": "3600+60x60"},
        severity="warning",
    ),
    "dead": alarm(
        "PortmanteauDeadJobs",
        {'portmanteau_jobs{queue="action",state="dead"}': "1x60"},
        queue="action",
        severity="warning",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_alert_comes_when_it_should(tmp_path, case):
    """Prometheus itself evaluates the rules over series that are made up for them."""
    # Without the texts: promtool would want each of them in full.
    plain = tmp_path / "rules.yaml"
    bare = [{k: v for k, v in rule.items() if k != "annotations"} for rule in RULES]
    plain.write_text(yaml.safe_dump({"groups": [{"name": "portmanteau", "rules": bare}]}))
    path = tmp_path / "cases.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(plain)], "tests": [case]}))
    done = promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
