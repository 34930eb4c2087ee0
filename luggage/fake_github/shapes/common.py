"""Helpers of all shapes: times, node ids, reaction counts."""

import base64
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from luggage.fake_github.records import Reaction

Json = dict[str, Any]
CONTENTS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def timestamp(at: float) -> str:
    """Return a time in ISO 8601, UTC, in whole seconds, as GitHub writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def optional_timestamp(at: float | None) -> str | None:
    """Return a time, or None."""
    return None if at is None else timestamp(at)


def node_id(kind: str, number: int) -> str:
    """Return an opaque GraphQL id, such as U_kgDOABCD for a user."""
    return f"{kind}_{base64.urlsafe_b64encode(number.to_bytes(8, 'big')).decode().rstrip('=')}"


def reaction_rollup(url: str, reactions: Iterable[Reaction]) -> Json:
    """Return the number of each reaction."""
    contents = [reaction.content for reaction in reactions]
    counts = {content: contents.count(content) for content in CONTENTS}
    return {"url": url, "total_count": len(contents), **counts}


def fake_sha(kind: str, number: int) -> str:
    """Return a commit id that depends only on its arguments."""
    return hashlib.sha256(f"{kind} {number}".encode()).hexdigest()[:40]
