"""A payload for the benchmarks that needs no network."""

import json

from bench.delivery import Delivery
from luggage.fake_github import FakeGithub


def merged_pull_request() -> Delivery:
    """A merged pull request, as the simulated GitHub posts it."""
    fake = FakeGithub()
    fake.add_repository("snakes/trio")
    merged = fake.merge_pull_request("snakes/trio", "alice")
    return Delivery(json.dumps(merged.payload).encode())
