"""Commands, as people use them who may not write to the repository."""

import pytest

from luggage.fake_github import faults

TRIO = "snakes/trio"
DAY = 86_400.0


@pytest.fixture
def policy():
    return {"commands": {"enabled": True, "labels": ["bug", "good *"], "most_claims": 2}}


@pytest.fixture(autouse=True)
def scene(github, story):
    """An issue of bob's, labels, a maintainer; the settings and the token are known already."""
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
    """Seen by its eyes, done by the label; nothing more is said. Case does not matter."""
    happening = story(
        github.comment(TRIO, 1, "alice", "Looks like it\n\n/label BUG, good FIRST issue")
    )
    assert labels(github) == ["bug", "Good first issue"]
    assert (eyes(happening, github), bots()) == (["eyes"], [])


def test_a_label_is_taken_off(github, story, bots):
    """One that is not there is told."""
    github.label_issue(TRIO, 1, "olga", "bug")
    story(github.comment(TRIO, 1, "alice", "/unlabel bug, good first issue"))
    assert labels(github) == []
    assert bots() == ["@alice: This issue does not have the label `good first issue`."]


def test_other_labels_are_for_maintainers(github, story, bots):
    """A stranger reads which labels are for everybody; a maintainer may use all."""
    story(github.comment(TRIO, 1, "alice", "/label security"))
    reason = "The label `security` is for the maintainers."
    assert bots() == [f"@alice: {reason} These are for everybody: `bug`, `good *`."]
    story(github.comment(TRIO, 1, "olga", "/label security"))
    assert labels(github) == ["security"]


def test_labels_are_never_made(github, story, bots):
    """A name that the repository does not have is told, not made; no one is notified by it."""
    story(github.comment(TRIO, 1, "alice", "/label good @bob idea"))
    assert bots() == ["@alice: There is no label `good @bob idea` in this repository."]
    assert len(github.world.repositories[TRIO].labels) == 3


@pytest.mark.parametrize("text", ["/label", "/unlabel ,"])
def test_a_command_without_its_words_is_explained(github, story, bots, text):
    """With an example."""
    story(github.comment(TRIO, 1, "alice", text))
    assert "Please say which label, such as" in bots()[0]


def test_a_claim_is_for_who_comes_first(github, story, deliver, settled, bots):
    """Two at one instant: the first has it, the second reads so."""
    first = github.comment(TRIO, 1, "alice", "/claim")
    second = github.comment(TRIO, 1, "eve", "/claim")
    deliver(first)
    deliver(second)
    settled(200)
    assert assignees(github) == ["alice"]
    assert len(bots()) == 1
    assert bots()[0].startswith("@eve, somebody is working on this already")


def test_a_claim_is_released(github, story, bots):
    """And only by who has it."""
    story(github.comment(TRIO, 1, "alice", "/claim"))
    story(github.comment(TRIO, 1, "eve", "/release"))
    assert assignees(github) == ["alice"]
    story(github.comment(TRIO, 1, "alice", "/release"))
    assert assignees(github) == []
    assert bots() == ["@eve: This issue is not assigned to you, so there is nothing to release."]


def test_nobody_claims_everything(github, story, bots):
    """With as many as are allowed, the next one has to wait; that is said with the numbers."""
    github.open_issue(TRIO, "bob")
    for number in (1, 2, 3):
        story(github.comment(TRIO, number, "alice", "/claim"))
    assert [assignees(github, number) for number in (1, 2, 3)] == [["alice"], ["alice"], []]
    assert "You have #2, #1 on your plate already, and 2 at a time is the most here." in bots(3)[0]


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda github: github.close_issue(TRIO, 1, "bob"), "This issue is closed"),
        (lambda github: github.assign(TRIO, 1, "olga", "alice"), "This issue is yours already"),
    ],
)
def test_some_issues_cannot_be_claimed(github, story, bots, prepare, reason):
    """The reason is given."""
    prepare(github)
    story(github.comment(TRIO, 1, "alice", "/claim"))
    assert bots()[0].startswith(f"@alice: {reason}")


def test_pull_requests_are_not_claimed(github, story, bots):
    """They have an author."""
    github.open_pull_request(TRIO, "bob")
    story(github.comment(TRIO, 3, "alice", "/claim"))
    assert bots(3) == ["@alice: `/claim` is for issues; a pull request belongs to its author."]


def test_a_claim_in_the_opening_text(github, story, bots):
    """GitHub assigns members at once, others after a comment; they read so."""
    story(github.open_issue(TRIO, "alice", body="/claim"))
    story(github.open_issue(TRIO, "olga", body="/claim"))
    assert (assignees(github, 3), assignees(github, 4)) == ([], ["olga"])
    assert "please write `/claim` as one" in bots(3)[0]


def test_maintainers_assign_others(github, story, bots):
    """Others may not; and only those whom GitHub lets be assigned."""
    github.comment(TRIO, 1, "alice", "Hi")
    story(github.comment(TRIO, 1, "bob", "/assign @alice"))
    story(github.comment(TRIO, 1, "olga", "/assign @mallory"))
    story(github.comment(TRIO, 1, "olga", "/assign alice"))
    story(github.comment(TRIO, 1, "olga", "/assign @alice"))
    assert assignees(github) == ["alice"]
    said = bots()
    assert said[0].startswith("@bob: Assigning others is for maintainers here.")
    assert said[1].startswith("@olga: GitHub does not let me assign `mallory`")
    assert said[2] == "@olga: Please name one person, such as `/assign @octocat`."


class TestAuthorsAssign:
    """Where maintainers let authors assign."""

    @pytest.fixture
    def policy(self):
        return {"commands": {"enabled": True, "assign": "author"}}

    def test_the_author_assigns(self, github, story, bots):
        """The issue's author may, others read who may."""
        github.comment(TRIO, 1, "alice", "Hi")
        story(github.comment(TRIO, 1, "eve", "/assign @alice"))
        story(github.comment(TRIO, 1, "bob", "/assign @alice"))
        assert assignees(github) == ["alice"]
        assert "for maintainers and the author here" in bots()[0]


def test_one_closes_and_reopens_ones_own(github, story, bots):
    """The author may, a stranger reads what to do instead, a maintainer may too."""
    story(github.comment(TRIO, 1, "alice", "/close"))
    assert github.issue(TRIO, 1).state == "open"
    assert bots()[0].startswith("@alice: `/close` is for the author of this issue and for the")
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
            "After `/close` I understand `completed` and `not planned`, or nothing.",
        ),
        ("/reopen", "This issue is open."),
    ],
)
def test_what_cannot_be_is_told(github, story, bots, text, answer):
    """In a plain sentence."""
    story(github.comment(TRIO, 1, "bob", text))
    assert bots() == [f"@bob: {answer}"]


def test_what_is_closed_stays_closed(github, story, bots):
    """A second time is told."""
    github.close_issue(TRIO, 1, "bob")
    story(github.comment(TRIO, 1, "bob", "/close"))
    assert bots() == ["@bob: This issue is closed already."]


def test_a_pull_request_without_its_branch_is_not_reopened(github, story, bots):
    """GitHub refuses; the author reads why, and what will do. A merged one is done."""
    github.open_pull_request(TRIO, "alice")
    github.close_pull_request(TRIO, 3, "alice")
    github.pull(TRIO, 3).branch_gone = True
    story(github.comment(TRIO, 3, "alice", "/reopen"))
    assert "A new pull request from your branch will do." in bots(3)[0]
    github.merge_pull_request(TRIO, "alice")
    story(github.comment(TRIO, 4, "alice", "/reopen"))
    assert bots(4) == ["@alice: This pull request is merged: it is done, and cannot be reopened."]


def test_help_lists_what_is_allowed_to_whom(github, story, bots):
    """A stranger sees less than the author, and the author less than a maintainer."""
    for person in ("alice", "bob", "olga"):
        story(github.comment(TRIO, 1, person, "/help"))
    stranger, author, maintainer = bots()
    assert "| `/claim` | I assign this issue to you |" in stranger
    assert "Labels for everybody: `bug`, `good *`." in stranger
    assert ["/close" in text for text in (stranger, author, maintainer)] == [False, True, True]
    assert ["/assign" in text for text in (stranger, author, maintainer)] == [False, False, True]


def test_why_tells_what_was_done_and_by_which_rule(github, story, bots):
    """Nothing at first; then each deed with its time and its rule."""
    story(github.comment(TRIO, 1, "alice", "/why"))
    story(github.comment(TRIO, 1, "alice", "/label bug"))
    story(github.comment(TRIO, 1, "alice", "/why"))
    assert bots()[0] == "@alice: I have not done anything in this issue yet."
    assert "UTC: `comment on snakes/trio#1`, because of the rule `commands`" in bots()[1]
    assert "UTC: `put the label bug on snakes/trio#1`, because of the rule" in bots()[1]
    assert "not done yet" not in bots()[1]


def test_why_says_what_could_not_be(github, story, bots):
    """A claim that came too late was answered, not done."""
    github.assign(TRIO, 1, "olga", "bob")
    story(github.comment(TRIO, 1, "alice", "/claim"))
    story(github.comment(TRIO, 1, "alice", "/why"))
    assert "`said why not: assign alice to snakes/trio#1`" in bots()[1]


def test_several_commands_share_one_answer(github, story, bots):
    """Each counts once, in their order; what is to be said is one comment."""
    story(github.comment(TRIO, 1, "alice", "/label bug\n/claim\n/label bug\n/close\n/unlabel bug"))
    assert (labels(github), assignees(github), len(bots())) == (["bug"], ["alice"], 1)
    assert "`/close` is for the author" in bots()[0]
    assert "does not have the label" in bots()[0]


def test_a_comment_full_of_commands_is_obeyed_in_part(github, story, bots):
    """The first five, and a word about the rest."""
    story(github.comment(TRIO, 1, "alice", "\n".join(f"/label good {n}" for n in range(9))))
    assert bots()[0].count("There is no label") == 5
    assert bots()[0].endswith("I take 5 commands in one comment, and have left the others.")


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
def test_what_is_no_command_for_us_costs_nothing(github, story, cost, happen):
    """Quotes, code, programs, and commands of other bots are passed over in silence."""
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
        ("olga", "/assign @bob", 2, 2),
        ("bob", "/close", 2, 0),
        ("olga", "/close", 2, 1),
        ("alice", "/help", 2, 1),
        ("alice", "/why", 2, 0),
    ],
)
def test_a_command_costs_two_writes_and_at_most_two_reads(
    github, story, cost, person, text, writes, reads
):
    """The eyes and the effect, or the eyes and an answer; what is known is not asked for."""
    github.comment(TRIO, 1, "bob", "Hi")
    happening = github.comment(TRIO, 1, person, text)
    assert cost(lambda: story(happening)) == (writes, reads)


def test_duplicates_and_restarts_change_nothing(github, story, deliver, killed_once, bots):
    """Delivered three times, killed at the end of decision and action: all is done once."""
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
def test_odd_words_are_told_like_others(github, story, bots, queue, text):
    """Nobody makes a dead job by a name that is none."""
    story(github.comment(TRIO, 1, "olga", text))
    assert len(bots()) == 1
    assert queue.standing().dead == 0


def test_a_command_that_was_deleted_is_withdrawn(github, deliver, settled, queue):
    """Whoever deletes it before the bot comes does not want it any more; that is no failure."""
    happening = github.comment(TRIO, 1, "alice", "/label bug")
    deliver(happening)
    del github.world.comments[happening.payload["comment"]["id"]]
    settled(200)
    assert (labels(github), queue.standing().dead) == ([], 0)


def test_a_restart_between_action_and_record_changes_nothing(
    github, deliver, killed_once, bots, cost
):
    """An action that was done and not recorded is done again, without harm."""
    deliver(github.comment(TRIO, 1, "alice", "/label bug\n/close"))
    killed_once("action")
    assert (labels(github), len(bots())) == (["bug"], 1)


def test_an_answer_whose_end_is_unknown_is_written_once(github, story, bots):
    """As every comment of the bot's."""
    github.faults.append(
        faults.plan(faults.failed(502, done=True), method="POST", path="*/comments")
    )
    story(github.comment(TRIO, 1, "alice", "/help"))
    assert len(bots()) == 1


def test_answers_to_review_comments_go_into_their_thread(github, story):
    """And the eyes onto the comment itself."""
    github.open_pull_request(TRIO, "bob")
    happening = github.review_comment(TRIO, 3, "alice", "/close")
    story(happening)
    number = happening.payload["comment"]["id"]
    assert [call.status for call in github.calls_to("POST", f"*/{number}/replies")] == [201]
    assert [one.content for one in github.world.review_comments[number].reactions] == ["eyes"]


def test_commands_in_reviews_have_no_eyes(github, story, bots):
    """GitHub has no reactions for reviews; the answer comes all the same."""
    github.open_pull_request(TRIO, "bob")
    story(github.review(TRIO, 3, "alice", "/close"))
    assert len(bots(3)) == 1
    assert github.calls_to("POST", "*/reactions") == []


def test_who_has_claimed_a_lot_and_finished_it_may_claim_more(github, story, clock, cost):
    """What is remembered may be old; then GitHub is asked, which is the second read."""
    for number in (1, 2):
        story(github.comment(TRIO, number, "alice", "/claim"))
        github.close_issue(TRIO, number, "alice")
    github.open_issue(TRIO, "bob")
    happening = github.comment(TRIO, 3, "alice", "/claim")
    assert cost(lambda: story(happening)) == (2, 2)
    assert assignees(github, 3) == ["alice"]


# Idle claims


def quiet(github, clock, tick, days):
    for _ in range(days):
        clock.advance(DAY)
        tick("commands")


def test_an_idle_claim_is_asked_about_and_then_released(github, story, clock, tick, bots):
    """After thirty quiet days a question, after seven more the release; each is said once."""
    story(github.comment(TRIO, 1, "alice", "/claim"))
    quiet(github, clock, tick, 29)
    assert bots() == []
    quiet(github, clock, tick, 2)
    assert len(bots()) == 1
    assert bots()[0].startswith("Hello @alice! You took this issue on some time ago")
    quiet(github, clock, tick, 5)
    assert assignees(github) == ["alice"]
    quiet(github, clock, tick, 5)
    assert assignees(github) == []
    assert bots()[1].startswith("I have released this issue")
    assert len(bots()) == 2


@pytest.mark.no_cover  # two months of days, all alike
def test_a_sign_of_life_keeps_a_claim(github, story, clock, tick, bots):
    """A word in the thread after the question, and the days are counted anew."""
    story(github.comment(TRIO, 1, "alice", "/claim"))
    quiet(github, clock, tick, 31)
    story(github.comment(TRIO, 1, "alice", "Still on it"))
    quiet(github, clock, tick, 28)
    assert (assignees(github), len(bots())) == (["alice"], 1)
    quiet(github, clock, tick, 4)
    assert len(bots()) == 2


def test_only_what_was_claimed_is_released(github, story, clock, tick, bots):
    """Whom maintainers assigned is left alone; so is a claim that they gave to somebody else."""
    github.assign(TRIO, 1, "olga", "bob")
    story(github.comment(TRIO, 2, "alice", "/claim"))
    github.world.assign(
        github.issue(TRIO, 2), github.add_user("alice"), github.add_user("olga"), on=False
    )
    quiet(github, clock, tick, 40)
    assert (assignees(github), bots(), bots(2)) == (["bob"], [], [])


def test_after_an_outage_nothing_is_released_without_a_question(github, story, clock, tick, bots):
    """A hundred days later the person is asked first."""
    story(github.comment(TRIO, 1, "alice", "/claim"))
    clock.advance(100 * DAY)
    tick("commands")
    assert (assignees(github), len(bots())) == (["alice"], 1)


def test_a_look_without_claims_costs_nothing(github, tick, cost):
    """Where nobody has claimed anything, GitHub is not asked."""
    assert cost(lambda: tick("commands")) == (0, 0)


class TestWithoutReminders:
    """Where maintainers let claims be."""

    @pytest.fixture
    def policy(self):
        return {"commands": {"enabled": True, "remind_days": 0, "allow": ["claim"]}}

    def test_claims_are_for_ever(self, github, story, clock, tick, bots):
        """Nobody is asked, and commands that are not allowed are passed over in silence."""
        story(github.comment(TRIO, 1, "alice", "/claim\n/help"))
        quiet(github, clock, tick, 2)
        clock.advance(400 * DAY)
        tick("commands")
        assert (assignees(github), bots()) == (["alice"], [])
