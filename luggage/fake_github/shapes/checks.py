"""JSON of check runs."""

from typing import Any

from luggage.fake_github.records import Repository
from luggage.fake_github.shapes.apps import integration
from luggage.fake_github.shapes.common import Json, node_id, timestamp
from luggage.fake_github.shapes.repositories import repository_url
from luggage.fake_github.world import World


def check_run(world: World, repository: Repository, run: dict[str, Any]) -> Json:
    """Return the JSON of a check run."""
    url = f"{repository_url(world, repository)}/check-runs/{run['id']}"
    page = f"{world.server_url}/{repository.full_name}/runs/{run['id']}"
    output = run.get("output") or {}
    return {
        "id": run["id"],
        "node_id": node_id("CR", run["id"]),
        "name": run["name"],
        "head_sha": run["head_sha"],
        "external_id": run.get("external_id", ""),
        "url": url,
        "html_url": page,
        "details_url": page,
        "status": run.get("status", "queued"),
        "conclusion": run.get("conclusion"),
        "started_at": timestamp(run["completed_at"]),
        "completed_at": timestamp(run["completed_at"]),
        "output": {
            "title": output.get("title"),
            "summary": output.get("summary"),
            "text": output.get("text"),
            "annotations_count": 0,
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": run["id"]},
        "app": integration(world),
        "pull_requests": [],
    }
