"""The measures of loop, claims, recovery and scale: they work; figures are not checked."""

import pytest

from bench.bot import POSTGRESQL, SQLITE
from bench.measures import claims, loop, neighbours, recover, scale
from bench.queueing import DATABASE, LOOPS, Demand, Layout, waiting


def test_claims_are_measured_beside_finished_jobs():
    """Both databases are filled and claimed from; the largest table provides the figure."""
    table = claims.measured((SQLITE, POSTGRESQL), (0, 50), rounds=1, number=2)
    assert [row[:2] for row in table.rows] == [
        (kind, finished) for kind in (SQLITE, POSTGRESQL) for finished in ("0", "50")
    ]
    for kind in ("sqlite", "postgresql"):
        assert table.figures[f"claims.{kind}_million_against_empty"] > 0


def test_the_loop_is_measured_with_its_own_processes():
    """Real loops evaluate deliveries and perform actions, and all are counted."""
    table = loop.measured((SQLITE,), rounds=1, merges=3, pings=1)
    assert {row[1] for row in table.rows} == {loop.CLAIMS, loop.NOTHING, loop.ACTIONS}
    assert all(figure > 0 for figure in table.figures.values())
    assert "loop.sqlite_against_claims" in table.figures


def test_two_loops_are_held_against_one():
    """The goal's figure is the ratio of actions; the other ratio is reported, too."""
    slices = {(work, way): [rate * 2.0] for work, way, rate in [
        (loop.NOTHING, loop.BARE, 20), (loop.NOTHING, loop.ONE, 10), (loop.NOTHING, loop.TWO, 15),
        (loop.ACTIONS, loop.ONE, 5), (loop.ACTIONS, loop.TWO, 10),
    ]}  # fmt: skip
    figures = loop.figures(POSTGRESQL, slices)
    assert figures["loop.postgresql_against_claims"] == 0.5
    assert figures["loop.two_against_one"] == 2.0
    assert figures["loop.two_against_one_nothing"] == 1.5
    assert [row[-1] for row in loop.rows(POSTGRESQL, slices)][:2] == ["1", "0.50 (0.50 to 0.50)"]


def test_waiting_beside_hostile_neighbours_is_measured():
    """The real loop answers an honest organisation alone, beside one and beside ten others."""
    table = neighbours.measured((SQLITE,), rounds=1, samples=1, backlog=2)
    assert [row[1] for row in table.rows] == ["0", "1", "10"]
    assert sorted(table.figures) == [
        "neighbours.sqlite_p99_beside_10_against_alone",
        "neighbours.sqlite_p99_beside_1_against_alone",
    ]
    assert min(table.figures.values()) > 0


def test_a_turn_without_news_is_measured():
    """A run over a day of known deliveries costs one request, answered with 304."""
    table = recover.measured((SQLITE,), delivered=30, turns=2)
    assert table.figures["recover.requests_without_news"] == 1
    assert table.figures["recover.sqlite_without_news_ms"] > 0


def test_the_processor_time_of_a_delivery_is_measured():
    """The web process, the loop and PostgreSQL each spend processor time."""
    demand = scale.measured(number=20)
    assert min(demand.web, demand.loop, demand.database) > 0
    assert len(scale.table(demand).rows) == len(scale.LAYOUTS) + len(scale.CORES)


def test_the_first_part_to_be_busy_is_the_limit():
    """The throughput is that of the bottleneck."""
    demand = Demand(web=1.0, loop=4.0, database=2.0)
    assert Layout(2, 1, 4).carried(demand) == (250.0, LOOPS)
    assert Layout(2, 8, 1).carried(demand) == (500.0, DATABASE)
    assert scale.filling(demand, 4) == Layout(2, 8, 4)


def test_waiting_grows_without_end_towards_the_limit():
    """One server is M/M/1: at half load a delivery takes less than twice its service time."""
    assert waiting(1, 10.0, 0.5) == pytest.approx(10.0)
    assert waiting(1, 10.0, 0.99) == pytest.approx(990.0)
    assert waiting(8, 10.0, 0.5) < 1.0
    layout, demand = Layout(1, 1, 1), Demand(web=1.0, loop=1.0, database=1.0)
    assert layout.milliseconds(demand, load=0.5) == pytest.approx(6.0)
