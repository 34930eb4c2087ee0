"""Perform a check run: what the bot says of a commit, where GitHub shows checks."""

import json
import logging

from bot.actions import CheckRun
from luggage.github import Client, Forbidden

log = logging.getLogger(__name__)


def check(action: CheckRun, mark: str, client: Client) -> str:
    """Make the check run of a commit, or set what it says; `mark` is its `external_id`.

    Returns GitHub's answer in a few words of JSON; raises RequestFailed. Safe to repeat: it is
    looked for first, and two of one name would show as one, the latest. GitHub: "Create a check
    run".
    """
    root = f"/repos/{action.repository}"
    path = f"{root}/check-runs"
    listed = f"{root}/commits/{action.commit}/check-runs"
    output = {"title": action.title, "summary": action.summary}
    content: dict[str, object] = {
        "name": action.name,
        "external_id": mark,
        "status": "completed",
        "conclusion": action.conclusion,
        "output": {**output, "text": action.text} if action.text else output,
    }
    try:
        found = client.get(listed, params={"check_name": action.name, "filter": "all"})
    except Forbidden as error:
        # An installation whose owner has not yet granted "checks" is no reason to worry.
        log.warning("no check on %s: the App lacks the permission: %s", action.repository, error)
        return json.dumps({"check": None, "reason": "not permitted"})
    runs = [run["id"] for run in found["check_runs"] if run.get("external_id") == mark]
    if runs:
        answer = client.patch(f"{path}/{runs[0]}", json=content)
    else:
        answer = client.post(path, json={**content, "head_sha": action.commit})
    return json.dumps({"check": answer["id"], "url": answer.get("html_url")})
