"""Routes of check runs."""

from typing import Any

from luggage.fake_github.messages import Answer, existing, invalid
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import checks as shapes

routes = RouteTable()
_RUNS = "/repos/{owner}/{repo}/check-runs"


@routes("POST", _RUNS)
def create_check_run(call: RouteCall) -> Answer:
    """Create a check run; repeating creates another one."""
    repository, sent = call.repository(), call.body()
    run: dict[str, Any] = {
        "id": call.world.next_id(),
        "head_sha": call.text("CheckRun", "head_sha"),
        "name": call.text("CheckRun", "name"),
    }
    repository.check_runs[run["id"]] = run
    return Answer(201, _update(call, run, sent))


@routes("PATCH", f"{_RUNS}/{{check_run_id}}")
def update_check_run(call: RouteCall) -> Answer:
    """Update a check run."""
    run = existing(call.repository().check_runs.get(call.number("check_run_id")))
    return Answer(200, _update(call, run, call.body()))


@routes("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs")
def list_check_runs(call: RouteCall) -> Answer:
    """List a commit's check runs, newest first; with `check_name`, only those of that name."""
    repository, query = call.repository(), call.request.query
    name = query.get("check_name")
    runs = [
        run
        for run in reversed(repository.check_runs.values())
        if run["head_sha"] == call.names["ref"] and name in {None, run["name"]}
    ]
    items, headers = call.slice(runs)
    body = {
        "total_count": len(runs),
        "check_runs": [shapes.check_run(call.world, repository, run) for run in items],
    }
    return Answer(200, body, headers)


def _update(call: RouteCall, run: dict[str, Any], sent: dict[str, Any]) -> Any:
    if sent.get("status") == "completed" and not sent.get("conclusion"):
        raise invalid("CheckRun", "conclusion", "missing_field")
    output = sent.get("output") or {}
    if len(output.get("summary") or "") > 65535 or len(output.get("text") or "") > 65535:  # noqa: PLR2004
        raise invalid("CheckRun", "output")
    run.update({**sent, "completed_at": call.world.clock()})
    repository = call.repository()
    call.log(f"{call.actor.login} checks {repository.full_name}: {output.get('title')}")
    return shapes.check_run(call.world, repository, run)
