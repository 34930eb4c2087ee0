"""Example actions of each kind, and their objects at the simulated GitHub."""

import bot.actions as front

TRIO = "snakes/trio"
IT = {"about": f"It {TRIO}#1", "repository": TRIO, "number": 1}
HEAD = "0123456789abcdef0123456789abcdef01234567"


def examples():
    """The examples by kind. Every new kind of action needs one here."""
    made = [
        front.Invite(organization="Snakes", person="Carol", most_a_day=5),
        front.Comment(**IT, text="pong! ü"),
        front.React(repository=TRIO, target="issues/1", content="heart"),
        front.JoinTeam(organization="Snakes", team="tamers", person="Alice"),
        front.OpenIssue(
            about="introduction Snakes/Alice",
            repository=TRIO,
            title="Hello",
            text="Hi",
            closed=True,
        ),
        front.Ask(
            organization="Snakes",
            person="Carol",
            pull_request=f"{TRIO}#1",
            repository=TRIO,
            title="Carol?",
            text="May I?",
            number=1,
        ),
        front.CloseIssue(about="ask Snakes/Carol", repository=TRIO, number=1),
        front.Rest(
            about="snakes/.github/issues/1",
            organization="snakes",
            paused=True,
            ordered_at="2026-11-21T10:00:00Z",
        ),
        front.KeepIssue(
            about=f"settings {TRIO}", version="3", repository=TRIO, title="I cannot", text="Broken."
        ),
        front.CheckRun(
            repository=TRIO,
            commit=HEAD,
            name="bot.toml",
            conclusion="success",
            title="Fine",
            summary="All of it",
            text="more",
        ),
        front.Label(**IT, names=("bug", "easy")),
        front.Unlabel(**IT, name="docs"),
        front.Assign(**IT, people=("alice",), claim=True),
        front.Unassign(**IT, people=("bob",)),
        front.SetState(**IT, state="closed", reason="completed", refused="No."),
        front.TakeBack(**IT, text="It works."),
    ]
    return {action.kind: action for action in made}


def build(github):
    """Create issue 1 with its label, assignee and comment, and a team."""
    github.open_issue(TRIO, "alice")
    github.label_issue(TRIO, 1, "olga", "docs")
    github.assign(TRIO, 1, "olga", "bob")
    github.comment(TRIO, 1, "test-bot[bot]", f"It fails.\n\n{MARKER_OF_SAID}")
    github.add_user("carol")
    github.add_member("snakes", "alice")
    github.add_team("snakes", "tamers")


# The marker of the comment that the examples are about; it must never change.
MARKER_OF_SAID = "<!-- portmanteau:09bbbfa56d7614dc9c73e9e5 -->"


def seen(github):
    """Everything at the simulated GitHub that an action can change, as plain values."""
    repository = github.world.repositories[TRIO]
    organization = github.world.accounts["snakes"]
    return {
        "issues": [
            (
                issue.number,
                issue.title,
                issue.body,
                issue.state,
                issue.state_reason,
                sorted(label.name for label in issue.labels),
                sorted(user.login for user in issue.assignees),
                [reaction.content for reaction in issue.reactions],
                [comment.body for comment in issue.comments],
            )
            for issue in repository.issues.values()
        ],
        "checks": [
            (run["name"], run["conclusion"], run["output"])
            for run in repository.check_runs.values()
        ],
        "members": {name: (one.role, one.state) for name, one in organization.members.items()},
        "teams": {name: dict(team.roles) for name, team in organization.teams.items()},
    }
