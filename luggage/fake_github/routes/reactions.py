"""Reactions on issues, on comments, and on comments on a diff; reviews have none."""

from luggage.fake_github.messages import Answer, invalid, not_found
from luggage.fake_github.records import Comment, Reaction
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes.common import CONTENTS
from luggage.fake_github.shapes.issues import reaction

routes = RouteTable()
_REPOSITORY = "/repos/{owner}/{repo}"
_PLACES = (
    f"{_REPOSITORY}/issues/{{issue_number}}/reactions",
    f"{_REPOSITORY}/issues/comments/{{comment_id}}/reactions",
    f"{_REPOSITORY}/pulls/comments/{{comment_id}}/reactions",
)


def list_reactions(call: RouteCall) -> Answer:
    """All reactions, or those of one content; new ones appear after the read lag."""
    wanted = call.request.query.get("content")
    shown = call.world.visible(_place(call)[0])
    found = [one for one in shown if wanted in {None, one.content}]
    return call.page(found, lambda one: reaction(call.world, one))


def create_reaction(call: RouteCall) -> Answer:
    """React: 201 the first time, 200 with the same reaction when it was there."""
    content = call.body().get("content")
    if content not in CONTENTS:
        raise invalid("Reaction", "content")
    reactions, on = _place(call)
    one, is_new = call.world.react(reactions, call.actor, content)
    if is_new:
        call.tell(f"{call.actor.login} reacts with {content} to {on}")
    return Answer(201 if is_new else 200, reaction(call.world, one))


for _template in _PLACES:
    routes("GET", _template)(list_reactions)
    routes("POST", _template)(create_reaction)


def _place(call: RouteCall) -> tuple[list[Reaction], str]:
    """What is reacted to: its reactions, and what it is called."""
    if "issue_number" in call.names:
        issue = call.issue()
        return issue.reactions, f"{issue.repository.full_name}#{issue.number}"
    repository = call.repository()
    kept = call.world.review_comments if "/pulls/" in call.request.path else call.world.comments
    found: Comment | None = kept.get(call.number("comment_id"))
    if found is None or found.issue.repository is not repository:
        raise not_found()
    where = f"{repository.full_name}#{found.issue.number}"
    return found.reactions, f"{found.author.login}'s comment on {where}"
