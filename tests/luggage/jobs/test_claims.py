"""luggage.jobs.claims: what a claim costs, in steps of SQLite."""

from luggage.jobs import NewJob


def fill(queue, clock, tag, number):
    """Put jobs of one person and one subject."""
    queue.put_all(
        [
            NewJob(
                queue="mail",
                key=f"{tag}-{each}",
                body=b"",
                run_at=clock(),
                subject="s",
                tenant="t",
                person="p",
            )
            for each in range(number)
        ]
    )


def steps(engine, queue):
    """Count the steps of two claims, in tens."""
    counted = []
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
    driver.set_progress_handler(lambda: counted.append(1), 10)
    for _ in range(2):
        queue.claim(["mail"], worker="w", lease_seconds=60.0)
    driver.set_progress_handler(None, 10)
    return len(counted)


def test_a_long_line_costs_a_claim_no_more_than_a_short_one(engine, queue, clock):
    """A claim beside 20,000 waiting jobs of one subject takes as many steps as beside a hundred."""
    fill(queue, clock, "few", 100)
    few = steps(engine, queue)
    fill(queue, clock, "many", 20_000)
    assert 0 < steps(engine, queue) < 2 * few
