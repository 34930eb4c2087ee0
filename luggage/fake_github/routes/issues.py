"""Issues, their comments, labels and assignees; every pull request is an issue too."""

from typing import Any

from luggage.fake_github.messages import Answer, existing, invalid, not_found
from luggage.fake_github.records import Account, Comment, Issue
from luggage.fake_github.routes.lists import in_order, in_state
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import issues as shapes
from luggage.fake_github.shapes import timeline
from luggage.fake_github.shapes.repositories import label

routes = RouteTable()
_ISSUES = "/repos/{owner}/{repo}/issues"
_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"
_COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id}"


@routes("GET", _ISSUES)
def list_issues(call: RouteCall) -> Answer:
    """List issues and pull requests, newest first by default; `assignee=*` means any."""
    query = call.request.query
    assignee, creator = (query.get(name, "").lower() for name in ("assignee", "creator"))
    issues = [
        one
        for one in call.world.visible(call.repository().issues.values())
        if in_state(one, query)
        and _is_assigned(one, assignee)
        and creator in {"", one.author.login.lower()}
    ]
    return call.page(in_order(issues, query), lambda one: shapes.issue(call.world, one))


def _is_assigned(one: Issue, assignee: str) -> bool:
    if assignee in {"", "none", "*"}:
        return not assignee or bool(one.assignees) is (assignee == "*")
    return any(each.login.lower() == assignee for each in one.assignees)


@routes("POST", _ISSUES)
def create_issue(call: RouteCall) -> Answer:
    """Create an issue by the bot; repeating creates another one."""
    repository, title = call.repository(), call.text("Issue", "title")
    issue = call.world.issue(repository, call.actor, title, call.body().get("body"))
    call.log(f"{call.actor.login} opens {repository.full_name}#{issue.number}: {title}")
    shape = shapes.issue(call.world, issue)
    return Answer(201, shape, {"Location": shape["url"]})


@routes("PATCH", _ISSUE)
def update_issue(call: RouteCall) -> Answer:
    """Change the title, text or state."""
    issue, sent = call.issue(), call.body()
    if sent.get("state") not in {None, "open", "closed"}:
        raise invalid("Issue", "state")
    issue.title, issue.body = sent.get("title") or issue.title, sent.get("body", issue.body)
    name = f"{issue.repository.full_name}#{issue.number}"
    if sent.get("state") == "closed" and issue.state == "open":
        call.world.close(issue, call.actor, sent.get("state_reason") or "completed")
        call.log(f"{call.actor.login} closes {name}")
    elif sent.get("state") == "open" and issue.state == "closed":
        _require_branch(issue)
        call.world.reopen(issue)
        call.log(f"{call.actor.login} reopens {name}")
    return Answer(200, shapes.issue(call.world, issue))


def _require_branch(issue: Issue) -> None:
    if issue.pull is not None and (issue.pull.merged_at or issue.pull.branch_gone):
        message = "state cannot be changed. The changes branch has been deleted."
        raise invalid("PullRequest", "state", "custom", message)


@routes("GET", _ISSUE)
def get_issue(call: RouteCall) -> Answer:
    """Return an issue or pull request."""
    return Answer(200, shapes.issue(call.world, call.issue()))


@routes("GET", f"{_ISSUE}/assignees/{{assignee}}")
def check_assignee(call: RouteCall) -> Answer:
    """Return 204 for a person who can be assigned, 404 for anyone else."""
    issue, user = call.issue(), call.user("assignee")
    if not call.world.may_be_assigned(issue, user):
        raise not_found()
    return Answer(204)


@routes("POST", f"{_ISSUE}/assignees")
def add_assignees(call: RouteCall) -> Answer:
    """Assign people; GitHub silently skips those who cannot be assigned."""
    issue = call.issue()
    for user in _people(call):
        if call.world.may_be_assigned(issue, user) and user not in issue.assignees:
            call.world.assign(issue, user, call.actor, on=True)
            call.log(f"{call.actor.login} assigns {user.login} to #{issue.number}")
    return Answer(201, shapes.issue(call.world, issue))


@routes("DELETE", f"{_ISSUE}/assignees")
def remove_assignees(call: RouteCall) -> Answer:
    """Unassign people; silently skip those who are not assigned."""
    issue = call.issue()
    for user in _people(call):
        if user in issue.assignees:
            call.world.assign(issue, user, call.actor, on=False)
            call.log(f"{call.actor.login} unassigns {user.login} from #{issue.number}")
    return Answer(200, shapes.issue(call.world, issue))


def _people(call: RouteCall) -> list[Account]:
    logins = call.body().get("assignees")
    if not isinstance(logins, list):
        raise invalid("Issue", "assignees", "missing_field")
    accounts = [call.world.accounts.get(str(login).lower()) for login in logins]
    return [account for account in accounts if account is not None]


@routes("GET", f"{_ISSUE}/timeline")
def list_timeline(call: RouteCall) -> Answer:
    """List the timeline, oldest first."""
    events = timeline.events(call.world, call.issue())
    return call.page(events, lambda one: one)


@routes("GET", f"{_ISSUE}/comments")
def list_comments(call: RouteCall) -> Answer:
    """List the comments, oldest first; new ones appear after the read lag."""
    visible = call.world.visible(call.issue().comments)
    return call.page(visible, lambda one: shapes.comment(call.world, one))


@routes("POST", f"{_ISSUE}/comments")
def create_comment(call: RouteCall) -> Answer:
    """Create a comment by the bot; repeating creates another one. Locked issues refuse it."""
    issue, body = call.unlocked(call.issue(), "comment"), call.text("IssueComment", "body")
    comment = call.world.comment(issue, call.actor, body)
    where = f"{issue.repository.full_name}#{issue.number}"
    call.log(f"{call.actor.login} comments on {where}: {body}")
    return Answer(
        201, shapes.comment(call.world, comment), {"Location": _comment_url(call, comment)}
    )


@routes("GET", _COMMENT)
def get_comment(call: RouteCall) -> Answer:
    """Return a comment."""
    return Answer(200, shapes.comment(call.world, _comment(call)))


@routes("PATCH", _COMMENT)
def update_comment(call: RouteCall) -> Answer:
    """Change a comment's text."""
    comment = _comment(call)
    comment.body = call.text("IssueComment", "body")
    comment.updated_at = call.world.clock()
    return Answer(200, shapes.comment(call.world, comment))


@routes("DELETE", _COMMENT)
def delete_comment(call: RouteCall) -> Answer:
    """Delete a comment."""
    comment = _comment(call)
    comment.issue.comments.remove(comment)
    del call.world.comments[comment.id]
    return Answer(204)


@routes("GET", f"{_ISSUE}/labels")
def list_issue_labels(call: RouteCall) -> Answer:
    """List an issue's labels."""
    issue = call.issue()
    return call.page(issue.labels, lambda one: label(call.world, issue.repository, one))


@routes("POST", f"{_ISSUE}/labels")
def add_labels(call: RouteCall) -> Answer:
    """Add labels, creating them in the repository if needed."""
    issue = call.issue()
    for name in _label_names(call):
        one = call.world.label(issue.repository, name)
        if one not in issue.labels:
            issue.labels.append(one)
            where = f"{issue.repository.full_name}#{issue.number}"
            call.log(f"{call.actor.login} labels {where}: {one.name}")
    return _labels(call, issue)


@routes("DELETE", f"{_ISSUE}/labels/{{name}}")
def remove_label(call: RouteCall) -> Answer:
    """Remove a label; 404 if the issue does not have it."""
    issue = call.issue()
    one = issue.repository.labels.get(call.names["name"].lower())
    if one not in issue.labels:
        raise not_found()
    issue.labels.remove(one)
    return _labels(call, issue)


def _label_names(call: RouteCall) -> list[str]:
    value = call.request.json
    labels = value.get("labels") if isinstance(value, dict) else value
    if not isinstance(labels, list) or not labels:
        raise invalid("Label", "labels", "missing_field")
    return [_label_name(each) for each in labels]


def _label_name(value: Any) -> str:
    name = value.get("name") if isinstance(value, dict) else value
    if not isinstance(name, str) or not name.strip():
        raise invalid("Label", "name")
    return name


def _labels(call: RouteCall, issue: Issue) -> Answer:
    return Answer(200, [label(call.world, issue.repository, one) for one in issue.labels])


def _comment(call: RouteCall) -> Comment:
    repository = call.repository()
    comment = existing(call.world.comments.get(call.number("comment_id")))
    if comment.issue.repository is not repository:
        raise not_found()
    return comment


def _comment_url(call: RouteCall, comment: Comment) -> str:
    return str(shapes.comment(call.world, comment)["url"])
