"""Stories: what people do so that every rule, command, action and periodic task works.

Each story is one life of a bot. A story ends with a `/ping`, which the bot must answer whatever
went wrong before. A new request of the bot belongs into one of them.
"""

from collections.abc import Callable, Mapping

from bot.settings.files import FILE
from luggage.fake_github.records import ChangedFile
from tests.sweep.stage import HOME, TRIO, Stage

_OWNER = "olga"


def merge(stage: Stage) -> None:
    """A merge invites and welcomes; the person joins, a team too, is introduced, and leaves."""
    stage.settings_file(
        '[invite]\nteam = "tamers"\nintroduction = "issue"\nintroduction_in = "trio"\n', HOME
    )
    stage.github.add_team("snakes", "tamers")
    stage.deliver(stage.github.merge_pull_request(TRIO, "alice"))
    if stage.github.membership("snakes", "alice"):
        stage.deliver(stage.github.accept_invitation("snakes", "alice"))
        stage.deliver(stage.github.leave("snakes", "alice"))


def count(stage: Stage) -> None:
    """The second merge invites; the first leads to a countdown."""
    stage.settings_file(
        '[invite]\nmerged_pull_requests = 2\ncountdown = true\nintroduction = "comment"\n'
        'introduction_in = "trio"\n',
        HOME,
    )
    stage.deliver(stage.github.merge_pull_request(TRIO, "alice"))
    stage.clock.advance(60.0)
    stage.deliver(stage.github.merge_pull_request(TRIO, "alice"))
    if stage.github.membership("snakes", "alice"):
        stage.deliver(stage.github.accept_invitation("snakes", "alice"))


def approval(stage: Stage) -> None:
    """A merge leads to a question in another repository; a maintainer approves there."""
    stage.github.add_repository("snakes/meta")
    stage.settings_file('[invite]\nmode = "approval"\napproval_in = "meta"\n', HOME)
    stage.github.add_collaborator("snakes/meta", "mia", "write")
    stage.deliver(stage.github.merge_pull_request(TRIO, "alice"))
    if stage.github.world.repositories["snakes/meta"].issues:
        stage.deliver(stage.github.comment("snakes/meta", 1, "mia", "/approve @alice"))


def approval_here(stage: Stage) -> None:
    """A merge leads to a question on the pull request; a stranger may not answer it."""
    stage.settings_file('[invite]\nmode = "approval"\n', HOME)
    happening = stage.github.merge_pull_request(TRIO, "alice")
    stage.deliver(happening)
    number = happening.payload["number"]
    stage.deliver(stage.github.comment(TRIO, number, "bob", "/approve @alice"))
    stage.deliver(stage.github.comment(TRIO, number, _OWNER, "/approve"))


def by_hand(stage: Stage) -> None:
    """Owners invite by a command: somebody, and an account that does not exist."""
    stage.github.add_user("carol")
    stage.github.open_issue(TRIO, "alice")
    stage.deliver(stage.github.comment(TRIO, 1, _OWNER, "/invite @carol"))
    stage.deliver(stage.github.comment(TRIO, 1, _OWNER, "/invite @nobody-here"))


def ping(stage: Stage) -> None:
    """The command in an issue, in a comment, on a line of code and in a review."""
    stage.deliver(stage.github.open_issue(TRIO, "bob", body="/ping"))
    stage.github.open_pull_request(TRIO, "alice")
    stage.deliver(stage.github.comment(TRIO, 1, "alice", "/ping"))
    stage.deliver(stage.github.review_comment(TRIO, 2, "alice", "/ping"))
    stage.deliver(stage.github.review(TRIO, 2, "alice", "/ping"))


def hidden(stage: Stage) -> None:
    """Somebody with a private profile, whom the search does not find, merges a second time."""
    stage.settings_file("[invite]\nmerged_pull_requests = 2\n", HOME)
    stage.github.merge_pull_request("snakes/older", "alice")
    stage.github.hide_profile("alice")
    stage.deliver(stage.github.merge_pull_request(TRIO, "alice"))


_COMMANDS = '[commands]\nenabled = true\nlabels = ["bug"]\n'


def commands(stage: Stage) -> None:
    """Everybody's commands, next to a command of another rule."""
    stage.settings_file(_COMMANDS)
    github = stage.github
    github.open_issue(TRIO, "bob")
    github.label_issue(TRIO, 1, _OWNER, "bug")
    for command in ("/unlabel bug", "/label bug", "/claim", "/release"):
        stage.deliver(github.comment(TRIO, 1, "alice", f"/ping\n{command}"))


def orders(stage: Stage) -> None:
    """Maintainers' commands, next to a command of another rule."""
    stage.settings_file(_COMMANDS)
    github = stage.github
    github.open_issue(TRIO, "bob")
    github.open_pull_request(TRIO, "alice")
    for command in ("/why", "/help", "/assign @alice", "/close", "/reopen"):
        stage.deliver(github.comment(TRIO, 1, _OWNER, f"/ping\n{command}"))
    stage.deliver(github.review_comment(TRIO, 2, "alice", "/ping\n/close"))


def claims(stage: Stage) -> None:
    """A person claims more than one may hold; the reminder and the release come by themselves."""
    stage.settings_file("[commands]\nenabled = true\nmost_claims = 1\nremind_days = 2\n")
    for number in (1, 2):
        stage.github.open_issue(TRIO, "bob")
        stage.deliver(stage.github.comment(TRIO, number, "alice", "/claim"))
    stage.due(days=4)
    stage.due(days=8)


def label(stage: Stage) -> None:
    """A new pull request gets labels by its paths, its title and its size, and a welcome."""
    stage.settings_file(
        '[welcome]\nenabled = true\n[label]\nenabled = true\npaths = {bug = ["*.py"]}\n'
        'titles = {docs = ["docs*"]}\nsizes = {small = 0, big = 1000}\n'
    )
    github = stage.github
    github.open_issue(TRIO, "bob")
    for name in ("bug", "docs", "small", "big"):
        github.label_issue(TRIO, 1, _OWNER, name)
    happening = github.open_pull_request(TRIO, "alice", "Docs", body="/ping")
    github.pull(TRIO, 2).files = [ChangedFile("a.py")]
    stage.deliver(happening)
    stage.deliver(github.rename_pull_request(TRIO, 2, "alice", "Better"))


def conflicts(stage: Stage) -> None:
    """A push causes conflicts, and one resolves them."""
    stage.settings_file('[conflicts]\nenabled = true\nlabel = "conflicts"\ncomment = true\n')
    github = stage.github
    github.open_issue(TRIO, "bob")
    github.label_issue(TRIO, 1, _OWNER, "conflicts")
    github.open_pull_request(TRIO, "alice")
    for conflicting in (True, False):
        github.pull(TRIO, 2).conflicts = conflicting
        stage.deliver(github.push(TRIO, _OWNER))
        stage.clock.advance(60.0)
    stage.deliver(github.rename_pull_request(TRIO, 2, "alice", "Better"))


def nudge(stage: Stage) -> None:
    """A review that was requested a week ago is asked for again."""
    stage.settings_file("[nudge]\nenabled = true\ndays = 7\n")
    stage.github.add_collaborator(TRIO, _OWNER, "write")
    stage.github.open_pull_request(TRIO, "alice")
    stage.deliver(stage.github.request_review(TRIO, 1, "alice", _OWNER))
    stage.due(days=8)


def welcome(stage: Stage) -> None:
    """A first issue and a first pull request."""
    stage.settings_file("[welcome]\nenabled = true\n")
    stage.deliver(stage.github.open_issue(TRIO, "bob", body="/ping"))
    stage.deliver(stage.github.open_pull_request(TRIO, "alice"))


def pause(stage: Stage) -> None:
    """An owner pauses and resumes the organisation; a stranger may not."""
    stage.github.open_issue(HOME, _OWNER)
    for person, order in (("alice", "pause"), (_OWNER, "pause"), (_OWNER, "resume")):
        stage.deliver(stage.github.comment(HOME, 1, person, f"/bot {order}"))


def settings(stage: Stage) -> None:
    """The settings of a repository become invalid, valid again, and none."""
    for text in ("[", "[welcome]\nenabled = true\n"):
        stage.settings_file(text)
        stage.deliver(stage.github.push(TRIO, _OWNER, files={FILE: text}))
        stage.clock.advance(86_400.0)
    stage.deliver(stage.github.open_issue(TRIO, "bob"))
    del stage.github.world.repositories[TRIO].files[FILE]
    stage.clock.advance(86_400.0)


def preview(stage: Stage) -> None:
    """A maintainer's pull request changes the settings, and gets a check run; then another."""
    github = stage.github
    stage.deliver(github.merge_pull_request(TRIO, "zoe"))
    github.add_collaborator(TRIO, "mia", "write")
    happening = github.open_pull_request(TRIO, "mia", "Settings", body="/ping")
    number = happening.payload["number"]
    pull = github.pull(TRIO, number)
    pull.files = [ChangedFile(FILE)]
    github.add_file(
        TRIO,
        FILE,
        "[welcome]\nenabled = true\n[invite]\nmerged_pull_requests = 3\n",
        commit=pull.head_sha,
    )
    stage.deliver(happening)
    stage.deliver(github.close_pull_request(TRIO, number, "mia"))
    github.add_file(TRIO, FILE, "[", commit=pull.head_sha)
    stage.deliver(github.reopen_pull_request(TRIO, number, "mia"))


def recovery(stage: Stage) -> None:
    """Deliveries that GitHub could not send are fetched; what they ask for is looked for first."""
    stage.settings_file('[welcome]\nenabled = true\n[commands]\nenabled = true\nlabels = ["bug"]\n')
    github = stage.github
    stage.recover(times=1)
    github.open_issue(TRIO, "bob")
    github.label_issue(TRIO, 1, _OWNER, "bug")
    github.open_pull_request(TRIO, "dora")
    for number, happening in enumerate(
        (
            github.comment(TRIO, 1, "alice", "/ping\n/label bug"),
            github.open_issue(TRIO, "carl", body="/ping"),
            github.merge_pull_request(TRIO, "alice"),
            github.review_comment(TRIO, 2, "dora", "/ping"),
        )
    ):
        github.miss(*happening, delivery_id=f"missed-{number}")
    stage.recover()


#: All stories by name; each is told with the `/ping` at its end.
STORIES: Mapping[str, Callable[[Stage], None]] = {
    story.__name__.replace("_", " "): story
    for story in (
        merge,
        count,
        approval,
        approval_here,
        by_hand,
        hidden,
        ping,
        commands,
        orders,
        claims,
        label,
        conflicts,
        nudge,
        welcome,
        pause,
        settings,
        preview,
        recovery,
    )
}


def tell(name: str, stage: Stage) -> None:
    """Play a story on a stage, and the `/ping` at its end."""
    stage.github.add_repository(TRIO)
    stage.github.add_repository(HOME)
    stage.github.add_member("snakes", _OWNER, role="admin")
    STORIES[name](stage)
    stage.clock.advance(60.0)
    number = stage.github.open_issue(TRIO, "eve").payload["issue"]["number"]
    stage.deliver(stage.github.comment(TRIO, number, "eve", "/ping"))
