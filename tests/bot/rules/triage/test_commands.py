"""Stories of the rule `commands`."""

import pytest

from bot.store.people import FRESH_SECONDS
from luggage.fake_github import faults

TRIO = "snakes/trio"
DAY = 86_400.0


@pytest.fixture
def settings():
    return {"commands": {"enabled": True, "labels": ["bug", "good *"], "most_claims": 2}}


@pytest.fixture(autouse=True)
def scene(github, story):
    """An issue of bob's, labels and a maintainer; settings and token are cached."""
    github.open_issue(TRIO, "bob")
    for name in ("bug", "Good first issue", "security"):
        github.label_issue(TRIO, 1, "olga", name)
    github.issue(TRIO, 1).labels.clear()
    github.add_member("snakes", "olga")
    story(github.open_issue(TRIO, "carol"))


def labels(github, number=1):
    return [one.name for one in github.issue(TRIO, number).labels]


def assignees(github, number=1):
    return [one.login for one in github.issue(TRIO, number).assignees]


def eyes(happening, github):
    comment = github.world.comments[happening.payload["comment"]["id"]]
    return [one.content for one in comment.reactions]


def test_a_label_for_everybody_is_put_on(github, story, bots):
    """A command adds an allowed label with no reply, ignoring case."""
    happening = story(
        github.comment(TRIO, 1, "alice", "Looks like it\n\n/label BUG, good FIRST issue")
    )
    assert labels(github) == ["bug", "Good first issue"]
    assert (eyes(happening, github), bots()) == (["eyes"], [])


@pytest.mark.parametrize(
    "name",
    [
        "'good first issue'",
        '"Good First Issue"',
        "\u201cgood first issue\u201d",
        "\u00abgood first issue\u00bb",
    ],
)
def test_quotes_around_a_label_do_not_count(github, story, bots, name):
    """Telephones turn straight quotes into curly ones."""
    story(github.comment(TRIO, 1, "alice", f"/label: {name}, bug"))
    assert labels(github) == ["Good first issue", "bug"]
    assert bots() == []


@pytest.mark.parametrize("text", ["/assign @alice.", "/assign @alice, please", "/Assign: @alice!"])
def test_what_stands_behind_a_login_does_not_count(github, story, text):
    """One person is named."""
    github.comment(TRIO, 1, "alice", "I could do it.")
    story(github.comment(TRIO, 1, "olga", text))
    assert assignees(github) == ["alice"]


@pytest.mark.parametrize(
    "text", ["/assign @alice @bob", "/assign alice", "/assign to @alice", "/assign @@alice"]
)
def test_an_assignment_of_nobody_or_several_is_answered(github, story, bots, text):
    """The bot does not guess."""
    story(github.comment(TRIO, 1, "olga", text))
    assert bots() == ["@olga: Please name one person, such as `/assign @octocat`."]


def test_a_claim_is_heard_with_a_please(github, story):
    """Punctuation behind the word of a command does not hide it."""
    story(github.comment(TRIO, 1, "alice", "/claim, please!"))
    assert assignees(github) == ["alice"]


def test_a_label_beyond_the_thousand_that_are_listed_is_there(github, story, bots):
    """A list that the bot has cut does not say what is missing."""
    repository = github.world.repositories[TRIO]
    for number in range(1000):
        github.world.label(repository, f"good {number}")
    github.world.label(repository, "Good last one")
    story(github.comment(TRIO, 1, "alice", "/label good last one, good grief"))
    assert labels(github) == ["Good last one"]
    assert bots() == ["@alice: This repository has no label `good grief`."]


def test_a_label_is_taken_off(github, story, bots):
    """A command removes a label, and says if it was not there."""
    github.label_issue(TRIO, 1, "olga", "bug")
    story(github.comment(TRIO, 1, "alice", "/unlabel bug, good first issue"))
    assert labels(github) == []
    assert bots() == ["@alice: This issue does not have the label `good first issue`."]


def test_other_labels_are_for_maintainers(github, story, bots):
    """Only maintainers can use other labels; strangers get the allowed ones."""
    story(github.comment(TRIO, 1, "alice", "/label security"))
    reason = "Only maintainers can use `security`."
    assert bots() == [f"@alice: {reason} Everyone can use `bug`, `good *`."]
    story(github.comment(TRIO, 1, "olga", "/label security"))
    assert labels(github) == ["security"]


def test_labels_are_never_made(github, story, bots):
    """An unknown label is reported, not created, and notifies no one."""
    story(github.comment(TRIO, 1, "alice", "/label good @bob idea"))
    assert bots() == ["@alice: This repository has no label `good @bob idea`."]
    assert len(github.world.repositories[TRIO].labels) == 3


@pytest.mark.parametrize("text", ["/label", "/unlabel ,"])
def test_a_command_without_its_words_is_explained(github, story, bots, text):
    """A command without arguments gets an example."""
    story(github.comment(TRIO, 1, "alice", text))
    assert "Which label? Try" in bots()[0]


def test_a_claim_is_for_who_comes_first(github, story, deliver, settled, bots):
    """Of two concurrent claims, the first wins and the second gets the reason."""
    first = github.comment(TRIO, 1, "alice", "/claim")
    second = github.comment(TRIO, 1, "eve", "/claim")
    deliver(first)
    deliver(second)
    settled(200)
    assert assignees(github) == ["alice"]
    assert len(bots()) == 1
    assert bots()[0].startswith("@eve, someone is already working on this")


def test_a_claim_is_released(github, story, bots):
    """Only the assignee can release a claim."""
    story(github.comment(TRIO, 1, "alice", "/claim"))
    story(github.comment(TRIO, 1, "eve", "/release"))
    assert assignees(github) == ["alice"]
    story(github.comment(TRIO, 1, "alice", "/release"))
    assert assignees(github) == []
    assert bots() == ["@eve: This issue is not assigned to you, so there is nothing to release."]


def test_the_number_of_claims_is_limited(github, story, bots):
    """At the limit, the reply names the open claims."""
    github.open_issue(TRIO, "bob")
    for number in (1, 2, 3):
        story(github.comment(TRIO, number, "alice", "/claim"))
    assert [assignees(github, number) for number in (1, 2, 3)] == [["alice"], ["alice"], []]
    assert "You already have #2, #1 on your plate, and the limit here is 2 at a time." in bots(3)[0]


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda github: github.close_issue(TRIO, 1, "bob"), "This issue is closed"),
        (lambda github: github.assign(TRIO, 1, "olga", "alice"), "This issue is already yours"),
    ],
)
def test_some_issues_cannot_be_claimed(github, story, bots, prepare, reason):
    """A claim that is refused gets the reason."""
    prepare(github)
    story(github.comment(TRIO, 1, "alice", "/claim"))
    assert bots()[0].startswith(f"@alice: {reason}")


def test_pull_requests_are_not_claimed(github, story, bots):
    """Pull requests cannot be claimed."""
    github.open_pull_request(TRIO, "bob")
    story(github.comment(TRIO, 3, "alice", "/claim"))
    assert bots(3) == ["@alice: `/claim` is for issues; a pull request belongs to its author."]


def test_a_claim_in_the_opening_text(github, story, bots):
    """In an opening text, only members can claim; others are asked to comment."""
    story(github.open_issue(TRIO, "alice", body="/claim"))
    story(github.open_issue(TRIO, "olga", body="/claim"))
    assert (assignees(github, 3), assignees(github, 4)) == ([], ["olga"])
    assert "Please write `/claim` in a comment" in bots(3)[0]


def test_maintainers_assign_others(github, story, bots):
    """Only maintainers can assign others, and only people whom GitHub accepts."""
    github.comment(TRIO, 1, "alice", "Hi")
    story(github.comment(TRIO, 1, "bob", "/assign @alice"))
    story(github.comment(TRIO, 1, "olga", "/assign @mallory"))
    story(github.comment(TRIO, 1, "olga", "/assign alice"))
    story(github.comment(TRIO, 1, "olga", "/assign @alice"))
    assert assignees(github) == ["alice"]
    said = bots()
    assert said[0].startswith("@bob: Only maintainers can assign other people here.")
    assert said[1].startswith("@olga: GitHub does not let me assign `mallory`")
    assert said[2] == "@olga: Please name one person, such as `/assign @octocat`."


class TestAuthorsAssign:
    """With `assign = "author"`."""

    @pytest.fixture
    def settings(self):
        return {"commands": {"enabled": True, "assign": "author"}}

    def test_the_author_assigns(self, github, story, bots):
        """The issue's author can assign; others get the reason."""
        github.comment(TRIO, 1, "alice", "Hi")
        story(github.comment(TRIO, 1, "eve", "/assign @alice"))
        story(github.comment(TRIO, 1, "bob", "/assign @alice"))
        assert assignees(github) == ["alice"]
        assert "Only maintainers and the author can assign" in bots()[0]

    def test_who_assigns_themself_claims(self, github, story, bots):
        """An author without write access cannot pass the limit for claims by `/assign`."""
        for number in (3, 4, 5, 6):
            github.open_issue(TRIO, "bob")
            story(github.comment(TRIO, number, "bob", "/assign @bob"))
        assert [assignees(github, number) for number in (3, 4, 5, 6)] == [["bob"]] * 3 + [[]]
        assert "the limit here is 3" in bots(6)[0]

    @pytest.mark.parametrize("kind", ["Bot", "Organization", "Mannequin"])
    def test_only_people_are_assigned(self, github, story, bots, kind):
        """GitHub would accept some accounts that are no persons."""
        github.comment(TRIO, 1, "helper", "Hello")
        github.world.accounts["helper"].kind = kind
        story(github.comment(TRIO, 1, "bob", "/assign @helper"))
        assert assignees(github) == []
        assert bots() == ["@bob: I cannot assign `helper`: there is no such person."]


def test_one_closes_and_reopens_ones_own(github, story, bots):
    """Authors and maintainers can close and reopen; strangers get the reason."""
    story(github.comment(TRIO, 1, "alice", "/close"))
    assert github.issue(TRIO, 1).state == "open"
    assert bots()[0].startswith(
        "@alice: Only the author of this issue and the maintainers can use `/close`"
    )
    story(github.comment(TRIO, 1, "Bob", "/close not planned"))
    assert github.issue(TRIO, 1).state_reason == "not_planned"
    story(github.comment(TRIO, 1, "alice", "/reopen"))
    assert github.issue(TRIO, 1).state == "closed"
    story(github.comment(TRIO, 1, "olga", "/reopen"))
    assert github.issue(TRIO, 1).state == "open"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "/close because",
            "I understand `/close`, `/close completed` and `/close not planned`.",
        ),
        ("/reopen", "This issue is already open."),
    ],
)
def test_a_command_without_effect_gets_the_reason(github, story, bots, text, answer):
    """A command that has no effect gets the reason."""
    story(github.comment(TRIO, 1, "bob", text))
    assert bots() == [f"@bob: {answer}"]


def test_closing_a_closed_issue_gets_a_reply(github, story, bots):
    """Closing a closed issue gets a reply."""
    github.close_issue(TRIO, 1, "bob")
    story(github.comment(TRIO, 1, "bob", "/close"))
    assert bots() == ["@bob: This issue is already closed."]


def test_a_pull_request_without_its_branch_is_not_reopened(github, story, bots):
    """The reply explains why GitHub does not reopen a pull request."""
    github.open_pull_request(TRIO, "alice")
    github.close_pull_request(TRIO, 3, "alice")
    github.pull(TRIO, 3).branch_gone = True
    story(github.comment(TRIO, 3, "alice", "/reopen"))
    assert "Please open a new pull request from your branch." in bots(3)[0]
    github.merge_pull_request(TRIO, "alice")
    story(github.comment(TRIO, 4, "alice", "/reopen"))
    assert bots(4) == ["@alice: This pull request has been merged, so it cannot be reopened."]


def test_help_lists_what_is_allowed_to_whom(github, story, bots):
    """`/help` lists the commands that each person may use."""
    for person in ("alice", "bob", "olga"):
        story(github.comment(TRIO, 1, person, "/help"))
    stranger, author, maintainer = bots()
    assert "| `/claim` | I assign this issue to you |" in stranger
    assert "Labels that everyone can use: `bug`, `good *`." in stranger
    assert ["/close" in text for text in (stranger, author, maintainer)] == [False, True, True]
    assert ["/assign" in text for text in (stranger, author, maintainer)] == [False, False, True]


def test_why_tells_what_was_done_and_by_which_rule(github, story, bots):
    """`/why` lists the bot's actions with time and rule."""
    story(github.comment(TRIO, 1, "alice", "/why"))
    story(github.comment(TRIO, 1, "alice", "/label bug"))
    story(github.comment(TRIO, 1, "alice", "/why"))
    assert bots()[0] == "@alice: I have not done anything in this issue yet."
    assert "UTC: `comment on snakes/trio#1`, for the rule `commands`" in bots()[1]
    assert "UTC: `put the label bug on snakes/trio#1`, for the rule" in bots()[1]
    assert "not done yet" not in bots()[1]


def test_why_says_what_could_not_be(github, story, bots):
    """`/why` lists a claim that came too late as refused."""
    github.assign(TRIO, 1, "olga", "bob")
    story(github.comment(TRIO, 1, "alice", "/claim"))
    story(github.comment(TRIO, 1, "alice", "/why"))
    assert "`said why not: assign alice to snakes/trio#1`" in bots()[1]


def test_several_commands_share_one_answer(github, story, bots):
    """Several commands share one comment, and duplicates count once."""
    story(github.comment(TRIO, 1, "alice", "/label bug\n/claim\n/label bug\n/close\n/unlabel bug"))
    assert (labels(github), assignees(github), len(bots())) == (["bug"], ["alice"], 1)
    assert "can use `/close`" in bots()[0]
    assert "does not have the label" in bots()[0]


def test_a_comment_full_of_commands_is_obeyed_in_part(github, story, bots):
    """The bot obeys the first five commands and says that it skipped the rest."""
    story(github.comment(TRIO, 1, "alice", "\n".join(f"/label good {n}" for n in range(9))))
    assert bots()[0].count("This repository has no label") == 5
    assert bots()[0].endswith("I only take 5 commands per comment, so I skipped the rest.")


@pytest.mark.parametrize(
    "happen",
    [
        lambda github: github.comment(TRIO, 1, "alice", "> /label bug\n\n`/claim`\n\n- /close"),
        lambda github: github.comment(TRIO, 1, "helper[bot]", "/label bug"),
        lambda github: github.comment(TRIO, 1, "alice", "/deploy now\n/bug"),
        lambda github: github.close_issue(TRIO, 1, "bob"),
    ],
    ids=["quoted", "a bot", "of other bots", "nothing said"],
)
def test_other_text_causes_no_request(github, story, cost, happen):
    """Quotes, code, bots and unknown commands cause no request."""
    github.world.account("helper[bot]", "Bot")
    happening = happen(github)
    assert cost(lambda: story(happening)) == (0, 0)


@pytest.mark.parametrize(
    ("person", "text", "writes", "reads"),
    [
        ("alice", "/label bug", 2, 1),
        ("alice", "/label security", 2, 1),
        ("olga", "/label security", 2, 2),
        ("alice", "/unlabel bug", 2, 0),
        ("alice", "/claim", 2, 1),
        ("alice", "/release", 2, 0),
        ("olga", "/assign @bob", 2, 3),
        ("bob", "/close", 2, 0),
        ("olga", "/close", 2, 1),
        ("alice", "/help", 2, 1),
        ("alice", "/why", 2, 0),
    ],
)
def test_a_command_costs_two_writes_and_at_most_two_reads(
    github, story, cost, person, text, writes, reads
):
    """A command costs two writes and at most two reads."""
    github.comment(TRIO, 1, "bob", "Hi")
    happening = github.comment(TRIO, 1, person, text)
    assert cost(lambda: story(happening)) == (writes, reads)


def test_duplicates_and_restarts_change_nothing(github, story, deliver, killed_once, bots):
    """Duplicate deliveries and kills do not repeat an effect."""
    happening = github.comment(TRIO, 1, "alice", "/label bug\n/claim\n/close")
    deliver(happening, "guid-a")
    killed_once("delivery")
    github.issue(TRIO, 1).labels.clear()
    story(happening, "guid-a")
    story(happening, "guid-b")
    assert labels(github) == []
    assert (assignees(github), len(bots())) == (["alice"], 1)


@pytest.mark.parametrize(
    "text", ["/assign @..", "/assign @a/b", "/assign @%2e", "/label ..", "/close ../"]
)
def test_unusual_names_get_a_reply(github, story, bots, queue, text):
    """Unusual names get a reply and no dead job."""
    story(github.comment(TRIO, 1, "olga", text))
    assert len(bots()) == 1
    assert queue.standing().dead == 0


def test_a_command_that_was_deleted_leaves_nothing_dead(github, deliver, settled, queue):
    """The reaction to a deleted comment is withdrawn; the work does not wait for it."""
    happening = github.comment(TRIO, 1, "alice", "/label bug")
    deliver(happening)
    del github.world.comments[happening.payload["comment"]["id"]]
    settled(200)
    assert (labels(github), queue.standing().dead) == (["bug"], 0)


def test_a_restart_between_action_and_record_changes_nothing(
    github, deliver, killed_once, bots, cost
):
    """Repeating an action that was not recorded does no harm."""
    deliver(github.comment(TRIO, 1, "alice", "/label bug\n/close"))
    killed_once("action")
    assert (labels(github), len(bots())) == (["bug"], 1)


def test_an_answer_whose_end_is_unknown_is_written_once(github, story, bots):
    """A reply with an ambiguous failure appears once."""
    github.faults.append(
        faults.plan(faults.failed(502, done=True), method="POST", path="*/comments")
    )
    story(github.comment(TRIO, 1, "alice", "/help"))
    assert len(bots()) == 1


def test_answers_to_review_comments_go_into_their_thread(github, story):
    """The reply to a review comment appears in its thread."""
    github.open_pull_request(TRIO, "bob")
    happening = github.review_comment(TRIO, 3, "alice", "/close")
    story(happening)
    number = happening.payload["comment"]["id"]
    assert [call.status for call in github.calls_to("POST", f"*/{number}/replies")] == [201]
    assert [one.content for one in github.world.review_comments[number].reactions] == ["eyes"]


def test_commands_in_reviews_have_no_eyes(github, story, bots):
    """A review gets the reply without a reaction."""
    github.open_pull_request(TRIO, "bob")
    story(github.review(TRIO, 3, "alice", "/close"))
    assert len(bots(3)) == 1
    assert github.calls_to("POST", "*/reactions") == []


def test_stale_claims_do_not_count_against_the_limit(github, story, clock, cost):
    """Stale claims do not count against the limit."""
    for number in (1, 2):
        story(github.comment(TRIO, number, "alice", "/claim"))
        github.close_issue(TRIO, number, "alice")
    github.open_issue(TRIO, "bob")
    clock.advance(FRESH_SECONDS)
    happening = github.comment(TRIO, 3, "alice", "/claim")
    assert cost(lambda: story(happening)) == (2, 3)
    assert assignees(github, 3) == ["alice"]


# Idle claims


def quiet(github, clock, tick, days):
    for _ in range(days):
        clock.advance(DAY)
        tick("commands")


def test_an_idle_claim_is_asked_about_and_then_released(github, story, clock, tick, bots):
    """A reminder follows 30 quiet days, and the release seven more."""
    story(github.comment(TRIO, 1, "alice", "/claim"))
    quiet(github, clock, tick, 29)
    assert bots() == []
    quiet(github, clock, tick, 2)
    assert len(bots()) == 1
    assert bots()[0].startswith("Hello @alice! You claimed this issue a while ago")
    quiet(github, clock, tick, 5)
    assert assignees(github) == ["alice"]
    quiet(github, clock, tick, 5)
    assert assignees(github) == []
    assert bots()[1].startswith("I have released this issue")
    assert len(bots()) == 2


def test_a_claim_in_a_locked_conversation_is_left_alone(github, story, clock, tick, bots):
    """Nobody could be reminded there, nor answer: the claim stays, and nothing is tried."""
    story(github.comment(TRIO, 1, "alice", "/claim"))
    github.lock_issue(TRIO, 1, "olga")
    tried = len(github.calls_to("POST", "*/comments"))
    quiet(github, clock, tick, 40)
    assert (assignees(github), bots()) == (["alice"], [])
    assert len(github.calls_to("POST", "*/comments")) == tried


@pytest.mark.sweep  # two months of days, all alike
def test_a_sign_of_life_keeps_a_claim(github, story, clock, tick, bots):
    """A comment after the reminder restarts the count."""
    story(github.comment(TRIO, 1, "alice", "/claim"))
    quiet(github, clock, tick, 31)
    story(github.comment(TRIO, 1, "alice", "Still on it"))
    quiet(github, clock, tick, 28)
    assert (assignees(github), len(bots())) == (["alice"], 1)
    quiet(github, clock, tick, 4)
    assert len(bots()) == 2


def test_only_what_was_claimed_is_released(github, story, clock, tick, bots):
    """The bot never releases assignments by maintainers."""
    github.assign(TRIO, 1, "olga", "bob")
    story(github.comment(TRIO, 2, "alice", "/claim"))
    github.world.assign(
        github.issue(TRIO, 2), github.add_user("alice"), github.add_user("olga"), on=False
    )
    quiet(github, clock, tick, 40)
    assert (assignees(github), bots(), bots(2)) == (["bob"], [], [])


def test_after_an_outage_nothing_is_released_without_a_question(github, story, clock, tick, bots):
    """After an outage, the reminder still comes first."""
    story(github.comment(TRIO, 1, "alice", "/claim"))
    clock.advance(100 * DAY)
    tick("commands")
    assert (assignees(github), len(bots())) == (["alice"], 1)


def test_a_look_without_claims_costs_nothing(github, tick, cost):
    """Without claims, the scheduled run causes no request."""
    assert cost(lambda: tick("commands")) == (0, 0)


class TestWithoutReminders:
    """With `remind_days = 0` and few commands allowed."""

    @pytest.fixture
    def settings(self):
        return {"commands": {"enabled": True, "remind_days": 0, "allow": ["claim"]}}

    def test_claims_are_for_ever(self, github, story, clock, tick, bots):
        """The bot sends no reminders, and ignores commands that are not allowed."""
        story(github.comment(TRIO, 1, "alice", "/claim\n/help"))
        quiet(github, clock, tick, 2)
        clock.advance(400 * DAY)
        tick("commands")
        assert (assignees(github), bots()) == (["alice"], [])
