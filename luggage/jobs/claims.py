"""Claims: the jobs that a worker may start next, in fair order.

A claim reads the lanes with due jobs, gives turns to them, and leases the first jobs of those.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from sqlalchemy import Connection, RowMapping

from luggage.database.upsert import inserting
from luggage.jobs import statements
from luggage.jobs.fairness import OTHERS_SECONDS, URGENT, Place, Shares, Turn, record_of, tenant_of
from luggage.jobs.inserts import unpack
from luggage.jobs.model import Job
from luggage.jobs.schema import turn as turn_table


@dataclass(frozen=True)
class Room:
    """The threads of a worker, and how many jobs of each tenant it has claimed."""

    threads: int
    held: Mapping[str, int] = field(default_factory=dict)

    def most_of_one(self, connection: Connection, tenants: set[str], now: float) -> float:
        """Return how many jobs of one tenant the worker may hold.

        While other tenants may come, that is one less than it has threads.
        """
        if len(tenants | self.held.keys()) == 1:
            since, (tenant,) = now - OTHERS_SECONDS, tenants
            parameters = {"since": since, "tenant": tenant}
            if not connection.execute(statements.OTHERS, parameters).scalar():
                return inf
        return max(1, self.threads - 1)


@dataclass(frozen=True)
class Claims:
    """A claim in the transaction of `connection`."""

    connection: Connection
    now: float
    worker: str
    lease_seconds: float
    room: Room | None

    def claim(self, queues: Sequence[str], limit: int) -> list[Job]:
        """Return up to `limit` leased jobs. Raises IntegrityError when another claim was faster."""
        due = {
            Place(number, row.lane): row.run_at
            for number, queue in enumerate(queues)
            for row in self.connection.execute(statements.LANES, {"queue": queue, "now": self.now})
            if row.run_at is not None
        }
        claimed: list[Job] = []
        taken: dict[str, float] = {}
        while due and (turns := self._turns(due, limit - len(claimed), claimed)):
            for turn in turns:
                taken[turn.place.lane] = turn.lane_usage
                taken[record_of(tenant_of(turn.place.lane))] = turn.tenant_usage
            for place, count in Counter(turn.place for turn in turns).items():
                jobs = self._lease(queues[place.queue], place.lane, count)
                claimed += jobs
                if len(jobs) < count:
                    del due[place]
        self._record(taken)
        return claimed

    def _turns(self, due: Mapping[Place, float], limit: int, claimed: Sequence[Job]) -> list[Turn]:
        tenants = {tenant_of(place.lane) for place in due}
        most, held = inf, Counter(job.tenant for job in claimed)
        if self.room is not None:
            held += Counter(self.room.held)
            most = self.room.most_of_one(self.connection, tenants, self.now)
            if most < inf:  # Jobs claimed ahead would stand before those of a newcomer.
                limit = min(limit, self.room.threads - held.total())
        served = self.connection.execute(statements.SERVED, {"tenants": sorted(tenants)})
        leased = self.connection.execute(statements.LEASED)
        shares = Shares(
            due=due,
            leased=Counter(leased.scalars()),
            own=held,
            usage={row.lane: row.served_at for row in served},
            now=self.now,
        )
        return shares.turns(limit, most_of_one=most)

    def _lease(self, queue: str, lane: str, count: int) -> list[Job]:
        parameters = {"queue": queue, "now": self.now, "lane": lane, "limit": count}
        ids = self.connection.execute(statements.HEADS, parameters).scalars().all()
        rows = self.connection.execute(statements.CLAIMABLE, {"ids": ids}).mappings().all()
        until = self.now + self.lease_seconds
        jobs = sorted((_job(row, until) for row in rows), key=lambda job: (job.run_at, job.id))
        if jobs:
            lease = {"b_lease_until": until, "b_worker": self.worker, "b_now": self.now}
            self.connection.execute(statements.LEASE, [{"b_id": job.id, **lease} for job in jobs])
        return jobs

    def _record(self, last: Mapping[str, float]) -> None:
        """Record what tenants and lanes have used; in one order, or two claims would deadlock."""
        if last:
            insert = inserting(self.connection, turn_table)
            served = {"served_at": insert.excluded.served_at}
            self.connection.execute(
                insert.on_conflict_do_update(index_elements=["lane"], set_=served),
                [_turn_row(lane, last[lane]) for lane in sorted(last)],
            )


def next_run_at(
    connection: Connection, queues: Sequence[str], now: float, room: Room | None
) -> float | None:
    """Return when the next claim could succeed, in epoch seconds; None if it waits for others."""
    rows = [
        row
        for queue in queues
        for row in connection.execute(statements.NEXT_RUN_AT, {"queue": queue})
        if row.run_at is not None
    ]
    tenants = {tenant_of(row.lane) for row in rows}
    if rows and room is not None:
        most = room.most_of_one(connection, tenants, now)
        rows = [row for row in rows if room.held.get(tenant_of(row.lane), 0) < most]
    return min((row.run_at for row in rows), default=None)


def _turn_row(lane: str, at: float) -> dict[str, Any]:
    return {"lane": lane, "tenant": tenant_of(lane), "served_at": at}


def _job(row: RowMapping, lease_until: float) -> Job:
    """Return the job of a row, as this claim's UPDATE leaves it."""
    same = ("id", "queue", "key", "subject", "kind", "max_attempts", "run_at", "created_at", "note")
    return Job(
        **{name: row[name] for name in (*same, "parent", "tenant", "person")},
        urgent=row["rank"] == URGENT,
        body=unpack(row["codec"], row["body"]),
        attempt=row["attempt"] + 1,
        fence=row["fence"] + 1,
        lease_until=lease_until,
    )
