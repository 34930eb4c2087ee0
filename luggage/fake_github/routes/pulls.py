"""Pull requests, their reviews, and comments on their diff."""

from luggage.fake_github.messages import Answer, existing, invalid, not_found
from luggage.fake_github.records import Issue, Pull, ReviewComment
from luggage.fake_github.routes.lists import in_order, in_state
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import pulls as shapes

routes = RouteTable()
_PULL = "/repos/{owner}/{repo}/pulls/{pull_number}"
_COMMENT = "/repos/{owner}/{repo}/pulls/comments/{comment_id}"


@routes("GET", _PULL)
def get_pull(call: RouteCall) -> Answer:
    """Return a pull request."""
    issue, pull = _pull(call)
    answer = Answer(200, shapes.full_pull(call.world, issue))
    # Reading makes GitHub compute the mergeability for later reads.
    pull.mergeable_pending = max(0, pull.mergeable_pending - 1)
    return answer


@routes("GET", "/repos/{owner}/{repo}/pulls")
def list_pulls(call: RouteCall) -> Answer:
    """List pull requests, newest first by default, optionally of one base branch."""
    query, base = call.request.query, call.request.query.get("base")
    pulls = [
        one
        for one in call.repository().issues.values()
        if one.pull and in_state(one, query) and base in {None, shapes.base_ref(one)}
    ]
    return call.page(in_order(pulls, query), lambda one: shapes.simple_pull(call.world, one))


@routes("GET", f"{_PULL}/files")
def list_files(call: RouteCall) -> Answer:
    """List the changed files; GitHub shows at most 3,000."""
    issue, pull = _pull(call)
    files = pull.files[:3000]
    return call.page(files, lambda one: shapes.changed_file(call.world, issue, one))


@routes("GET", f"{_PULL}/comments")
def list_review_comments(call: RouteCall) -> Answer:
    """List the comments on the diff, oldest first; new ones appear after the read lag."""
    visible = call.world.visible(_pull(call)[1].comments)
    return call.page(visible, lambda one: shapes.review_comment(call.world, one))


@routes("POST", f"{_PULL}/comments/{{comment_id}}/replies")
def create_reply(call: RouteCall) -> Answer:
    """Reply to the first comment of a thread, as on GitHub."""
    issue, pull = _pull(call)
    first = existing(call.world.review_comments.get(call.number("comment_id")))
    if first not in pull.comments:
        raise not_found()
    body = call.text("PullRequestReviewComment", "body")
    call.unlocked(issue, "comment")
    if first.in_reply_to is not None:
        # "Replies to replies are not supported" (GitHub's documentation of this route).
        raise invalid("PullRequestReviewComment", "in_reply_to")
    reply = call.world.review_comment(issue, call.actor, body, in_reply_to=first)
    where = f"{issue.repository.full_name}#{issue.number}"
    call.log(f"{call.actor.login} answers on the diff of {where}: {body}")
    return Answer(201, shapes.review_comment(call.world, reply))


@routes("GET", _COMMENT)
def get_review_comment(call: RouteCall) -> Answer:
    """Return a comment on a diff."""
    return Answer(200, shapes.review_comment(call.world, _comment(call)))


@routes("PATCH", _COMMENT)
def update_review_comment(call: RouteCall) -> Answer:
    """Change the text of a comment on a diff."""
    comment = _comment(call)
    comment.body = call.text("PullRequestReviewComment", "body")
    comment.updated_at = call.world.clock()
    return Answer(200, shapes.review_comment(call.world, comment))


@routes("GET", f"{_PULL}/reviews")
def list_reviews(call: RouteCall) -> Answer:
    """List the reviews, oldest first."""
    issue, pull = _pull(call)
    return call.page(pull.reviews, lambda one: shapes.review(call.world, issue, one, upper=True))


def _pull(call: RouteCall) -> tuple[Issue, Pull]:
    issue = call.issue("pull_number")
    if issue.pull is None:
        raise not_found()
    return issue, issue.pull


def _comment(call: RouteCall) -> ReviewComment:
    repository = call.repository()
    comment = existing(call.world.review_comments.get(call.number("comment_id")))
    if comment.issue.repository is not repository:
        raise not_found()
    return comment
