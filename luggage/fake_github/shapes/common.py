"""What all shapes use: times, node ids, and the counts of reactions."""

import base64
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from luggage.fake_github.records import Reaction

Json = dict[str, Any]
CONTENTS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def timestamp(at: float) -> str:
    """ISO 8601 in UTC, to the second, as GitHub writes times."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def optional_timestamp(at: float | None) -> str | None:
    """The time, or None for what has not happened."""
    return None if at is None else timestamp(at)


def node_id(kind: str, number: int) -> str:
    """An opaque GraphQL id: for example U_kgDOABCD for a user."""
    return f"{kind}_{base64.urlsafe_b64encode(number.to_bytes(8, 'big')).decode().rstrip('=')}"


def reaction_rollup(url: str, reactions: Iterable[Reaction]) -> Json:
    """How often each reaction was given."""
    given = [reaction.content for reaction in reactions]
    counts = {content: given.count(content) for content in CONTENTS}
    return {"url": url, "total_count": len(given), **counts}


def fake_sha(kind: str, number: int) -> str:
    """A commit's id that is always the same for the same thing."""
    return hashlib.sha256(f"{kind} {number}".encode()).hexdigest()[:40]
