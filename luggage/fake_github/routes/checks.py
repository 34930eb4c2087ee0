"""Check runs: what an App says of a commit."""

from typing import Any

from luggage.fake_github.messages import Answer, invalid, not_found
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import checks as shapes

routes = RouteTable()
_RUNS = "/repos/{owner}/{repo}/check-runs"


@routes("POST", _RUNS)
def create_check_run(call: RouteCall) -> Answer:
    """A check run; twice makes two, of which GitHub shows the later."""
    repository, sent = call.repository(), call.body()
    made: dict[str, Any] = {
        "id": call.world.next_id(),
        "head_sha": call.text("CheckRun", "head_sha"),
        "name": call.text("CheckRun", "name"),
    }
    repository.check_runs[made["id"]] = made
    return Answer(201, _changed(call, made, sent))


@routes("PATCH", f"{_RUNS}/{{check_run_id}}")
def update_check_run(call: RouteCall) -> Answer:
    """What a check run says now."""
    found = call.repository().check_runs.get(call.number("check_run_id"))
    if found is None:
        raise not_found()
    return Answer(200, _changed(call, found, call.body()))


@routes("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs")
def list_check_runs(call: RouteCall) -> Answer:
    """The check runs of a commit, the newest first; of one name where it is asked for."""
    repository, query = call.repository(), call.request.query
    name = query.get("check_name")
    found = [
        one
        for one in reversed(repository.check_runs.values())
        if one["head_sha"] == call.names["ref"] and name in {None, one["name"]}
    ]
    shown, headers = call.slice(found)
    body = {
        "total_count": len(found),
        "check_runs": [shapes.check_run(call.world, repository, one) for one in shown],
    }
    return Answer(200, body, headers)


def _changed(call: RouteCall, run: dict[str, Any], sent: dict[str, Any]) -> Any:
    if sent.get("status") == "completed" and not sent.get("conclusion"):
        raise invalid("CheckRun", "conclusion", "missing_field")
    output = sent.get("output") or {}
    if len(output.get("summary") or "") > 65535 or len(output.get("text") or "") > 65535:  # noqa: PLR2004
        raise invalid("CheckRun", "output")
    run.update({**sent, "completed_at": call.world.clock()})
    repository = call.repository()
    call.tell(f"{call.actor.login} checks {repository.full_name}: {output.get('title')}")
    return shapes.check_run(call.world, repository, run)
