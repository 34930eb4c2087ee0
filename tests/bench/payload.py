"""A payload for the bench that is here without a network."""

import json

from bench.delivery import Delivery
from luggage.fake_github import FakeGithub


def merged_pull_request() -> Delivery:
    """As the simulated GitHub would post it."""
    fake = FakeGithub()
    fake.add_repository("snakes/trio")
    merged = fake.merge_pull_request("snakes/trio", "alice")
    return Delivery(json.dumps(merged.payload).encode())
