"""Reactions on issues, comments, and comments on a diff; reviews have none."""

from luggage.fake_github.messages import Answer, existing, invalid, not_found
from luggage.fake_github.records import Comment, Issue
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes.common import CONTENTS
from luggage.fake_github.shapes.issues import reaction

routes = RouteTable()
_REPOSITORY = "/repos/{owner}/{repo}"
_TEMPLATES = (
    f"{_REPOSITORY}/issues/{{issue_number}}/reactions",
    f"{_REPOSITORY}/issues/comments/{{comment_id}}/reactions",
    f"{_REPOSITORY}/pulls/comments/{{comment_id}}/reactions",
)


def list_reactions(call: RouteCall) -> Answer:
    """List the reactions, optionally of one content; new ones appear after the read lag."""
    content = call.request.query.get("content")
    visible = call.world.visible(_target(call).reactions)
    reactions = [one for one in visible if content in {None, one.content}]
    return call.page(reactions, lambda one: reaction(call.world, one))


def create_reaction(call: RouteCall) -> Answer:
    """Add a reaction: 201 the first time, 200 with the existing one after that; 403 if locked."""
    content = call.body().get("content")
    if content not in CONTENTS:
        raise invalid("Reaction", "content")
    target = _target(call)
    issue = call.unlocked(target if isinstance(target, Issue) else target.issue, "reaction")
    one, is_new = call.world.react(target.reactions, call.actor, content)
    if is_new:
        where = f"{issue.repository.full_name}#{issue.number}"
        thing = "" if target is issue else f"{target.author.login}'s comment on "
        call.log(f"{call.actor.login} reacts with {content} to {thing}{where}")
    return Answer(201 if is_new else 200, reaction(call.world, one))


for _template in _TEMPLATES:
    routes("GET", _template)(list_reactions)
    routes("POST", _template)(create_reaction)


def _target(call: RouteCall) -> Issue | Comment:
    """Return the issue or comment with the reactions."""
    if "issue_number" in call.names:
        return call.issue()
    repository = call.repository()
    world, comment_id = call.world, call.number("comment_id")
    on_diff = "/pulls/" in call.request.path
    comments = world.review_comments if on_diff else world.comments
    comment: Comment = existing(comments.get(comment_id))
    if comment.issue.repository is not repository:
        raise not_found()
    return comment
