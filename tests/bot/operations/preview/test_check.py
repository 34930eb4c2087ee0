"""Previews: what changed settings would have done, compared with what they then do."""

import json
from dataclasses import replace

import pytest

from bot.actions import ACTIONS, Ask, Comment, Invite, Planned
from bot.events import DELIVERIES, Event, subject, view
from bot.facts import MOST_FILES, NotYet
from bot.loop.run import Updater
from bot.operations.preview.check import Previewer
from bot.operations.preview.comparison import Difference, How, Preview, preview
from bot.operations.preview.past import Merges, Past, Questions, Unasked, past_reader, stored
from bot.operations.preview.words import headline, lines, report, values
from bot.options.kinds import Problem
from bot.rules import RULES, ping
from bot.settings.files import FILE, File, SettingsFiles
from bot.settings.layers import Settings, SettingsError, read_text
from bot.store.people import People
from bot_deploy.wiring.parts import HISTORIES
from luggage.database import open_engine
from luggage.fake_github import FakeGithub, faults
from luggage.fake_github.records import ChangedFile
from luggage.github import GithubApp
from luggage.github.errors import NotFound
from luggage.jobs import NewJob, Queue, State
from tests.support import ends
from tests.support.migrated import migrated

TRIO = "snakes/trio"
HIDDEN = "snakes/hidden"
THREE = "[invite]\nmerged_pull_requests = 3\n"
SILENT = "[ping]\nenabled = false\n"


@pytest.fixture
def deliver(deliver, clock, settled):
    """Deliver an event, and let the bot finish."""

    def put(happening):
        deliver(happening)
        settled()
        clock.advance(60)

    return put


@pytest.fixture
def propose(deliver, github):
    """Open a pull request that changes the settings; returns its check run."""

    def change(text, repo=TRIO, status="modified", author="mallory"):
        if author == "mallory":
            github.add_collaborator(repo, author)
        happening = github.open_pull_request(repo, author)
        number = happening.payload["number"]
        pull = github.pull(repo, number)
        pull.files = [ChangedFile("README.md"), ChangedFile(FILE, status=status)]
        if text is not None:
            github.add_file(repo, FILE, text, commit=pull.head_sha)
        deliver(happening)
        runs = list(github.world.repositories[repo].check_runs.values())
        return runs[-1] if runs else None

    return change


@pytest.fixture
def previewer(queue, people, files):
    return Previewer(queue=queue, people=people, settings=files)


def test_a_preview_says_what_would_not_have_been_done(propose, deliver, github):
    """Differences have links and a basis, and nothing is performed."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    github.open_issue(TRIO, "bob")
    deliver(github.comment(TRIO, 2, "bob", "/ping"))
    run = propose(THREE + SILENT)
    assert (run["conclusion"], run["output"]["title"]) == (
        "success",
        "2 comments less, 1 invitation less, 1 reaction less",
    )
    assert "| would not be done | `invite alice to snakes` |" in run["output"]["text"]
    assert f"[{TRIO}#1](https://github.com/{TRIO}/issues/1)" in run["output"]["text"]
    assert "Evaluated the last 3 stored deliveries" in run["output"]["summary"]


def test_a_stranger_learns_from_a_preview_only_that_the_file_is_valid(propose, deliver, github):
    """The effect would say who is a member, and cost the organisation's requests."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    without = len(github.calls)
    run = propose(THREE + SILENT, author="eve")
    assert (run["conclusion"], run["output"]["title"]) == ("success", "The file is valid")
    assert "text" not in run["output"]
    assert "alice" not in run["output"]["summary"]
    assert not [call for call in github.calls[without:] if "/members" in call.path]


def test_a_stranger_is_told_of_errors(propose):
    """They are about the stranger's own text."""
    run = propose("[invite]\nmode = 3\n", author="eve")
    assert run["conclusion"] == "failure"


def test_a_reader_is_a_stranger(propose, github):
    """Read access is no write access."""
    github.add_collaborator(TRIO, "rita", "read")
    run = propose(THREE, author="rita")
    assert run["output"]["title"] == "The file is valid"


def test_a_preview_ends_when_its_time_is_over(previewer, deliver, github):
    """It says how many deliveries it has not judged, and does not fail."""
    for _ in range(4):
        deliver(github.merge_pull_request(TRIO, "alice"))
    ticks = iter(range(100))
    hurried = replace(previewer, seconds=7, timer=lambda: next(ticks))
    made = hurried.preview(SILENT, TRIO, client=None, most=0)
    assert (made.looked_at, made.too_late) == (2, 2)
    assert "not judged: 2" in report(TRIO, "c" * 40, made, server_url="https://x").summary


def test_a_check_run_lists_the_first_errors_and_counts_the_others(propose):
    """A file of 64 KiB has room for thousands of unknown names."""
    text = "".join(f"{'k' * 300}{number} = 1\n" for number in range(200))
    run = propose(text)
    assert run["conclusion"] == "failure"
    assert "and 150 more" in run["output"]["summary"]
    assert len(run["output"]["summary"]) < 30_000


def test_ignored_settings_are_told_with_the_reason(propose, deliver, github):
    """The check fails, says where to set them, and still shows the effect of the others."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    run = propose(f'{THREE}approval_in = "secret-plans"\n')
    assert (run["conclusion"], run["output"]["title"]) == ("failure", "Some settings are ignored")
    assert (
        ".github/bot.toml:3:1: invite.approval_in is ignored: only the organisation can set it"
        in run["output"]["summary"]
    )
    assert "`invite alice to snakes`" in run["output"]["text"]


def test_loosening_settings_are_told_too(propose, github):
    """The organisation's file is compared, and its value is not shown."""
    github.add_repository("snakes/.github", private=True)
    github.add_file("snakes/.github", FILE, "[invite]\nmerged_pull_requests = 77\n")
    run = propose(THREE)
    assert run["output"]["title"] == "Some settings are ignored"
    assert "a repository may only tighten it" in run["output"]["summary"]
    assert "77" not in str(run["output"])


def test_a_terminal_shows_ignored_settings_too(previewer):
    """As lines, and as JSON."""
    made = previewer.preview('[invite]\nteam = "x"\n', TRIO, client=None, most=0)
    assert next(lines(made)).startswith(".github/bot.toml:2:1: invite.team is ignored")
    assert values(made)["ignored"] == [next(lines(made))]


def test_a_preview_of_the_same_settings_is_empty(propose, deliver, github):
    """Unchanged settings make no difference."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    run = propose("# Only a comment\n")
    assert run["output"]["title"] == "Nothing would have been done differently"
    assert "text" not in run["output"]


def test_a_preview_knows_how_things_stood_at_each_delivery(previewer, app, deliver, github):
    """The preview knows the number of merges at each delivery."""
    for person in ("alice", "bob", "alice", "carol", "alice"):
        deliver(github.merge_pull_request(TRIO, person))
    client = app.client_for(github.install("snakes").id).read_only()
    made = previewer.preview("[invite]\nmerged_pull_requests = 2\n", TRIO, client=client, most=20)
    less = {each.action.key for each in made.differences if each.how is How.LESS}
    other = {each.action.key for each in made.differences if each.how is How.OTHER}
    assert less == {
        key
        for person in ("bob", "carol")
        for key in (f"invite:snakes/{person}", f"comment:welcome snakes/{person}")
    }
    assert made.unjudged == 0
    assert other == {"comment:welcome snakes/alice"}


def test_a_file_that_cannot_be_used_fails_the_check(propose):
    """The check run names line and column, and has no preview."""
    run = propose("[invite]\nmerged_pull_requests = 'two'\n")
    assert (run["conclusion"], run["output"]["title"]) == ("failure", "The file is invalid")
    assert ".github/bot.toml:2:1: invite.merged_pull_requests must be" in run["output"]["summary"]


def test_a_file_that_is_taken_away_is_fine(propose):
    """Removing the file is fine."""
    assert propose(None, status="removed")["output"]["title"] == "The file is removed"


def test_a_file_that_github_does_not_show_is_no_verdict(propose):
    """A file that GitHub does not show is neither right nor wrong."""
    assert propose(None)["conclusion"] == "neutral"


def test_pull_requests_that_leave_the_settings_alone_get_no_check(deliver, github, queue):
    """Other pull requests cost one request, for their files."""
    deliver(github.open_pull_request(TRIO, "alice"))
    assert github.world.repositories[TRIO].check_runs == {}
    assert len(github.calls_to("GET", "*/files")) == 1
    assert queue.find(DELIVERIES, "guid-1").state is State.IGNORED


def test_the_first_thousand_files_are_read(deliver, github):
    """A pull request of 3,000 files costs ten requests for each push, not thirty."""
    happening = github.open_pull_request(TRIO, "alice")
    github.pull(TRIO, 1).files = [ChangedFile(f"src/{each}.py") for each in range(3000)]
    deliver(happening)
    assert github.world.repositories[TRIO].check_runs == {}
    assert len(github.calls_to("GET", "*/files")) == MOST_FILES // 100


def test_a_pull_request_that_is_gone_is_left_alone(deliver, github, queue):
    """A deleted pull request is not a failure: GitHub is asked for a minute, in case it is new."""
    gone = faults.Fault(name="404", answer=faults.Refused(404, "Not Found").answer)
    github.faults.append(faults.plan(gone, path="*/files", times=None))
    deliver(github.open_pull_request(TRIO, "alice"))
    assert queue.find(DELIVERIES, "guid-1").state is State.DONE
    preview = queue.find(DELIVERIES, "guid-1/preview")
    assert (preview.state, preview.reason[:26]) == (State.IGNORED, "GitHub no longer shows sna")


def test_a_check_whose_end_is_unknown_is_made_once(propose, github):
    """A check run with an unknown outcome is found by its id and updated."""
    github.faults.append(
        faults.plan(faults.failed(502, done=True), method="POST", path="*/check-runs")
    )
    propose(THREE)
    assert len(github.world.repositories[TRIO].check_runs) == 1


def test_the_settings_of_an_organisation_are_tried_on_all_its_repositories(
    propose, deliver, github
):
    """The organisation's file is tried, but a repository's own settings stay."""
    github.add_repository("snakes/.github")
    github.add_file("snakes/anyio", FILE, SILENT)
    github.open_issue("snakes/anyio", "bob")
    deliver(github.comment("snakes/anyio", 1, "bob", "/ping"))
    github.open_issue(TRIO, "bob")
    deliver(github.comment(TRIO, 1, "bob", "/ping"))
    run = propose(SILENT, "snakes/.github")
    assert run["output"]["title"] == "1 comment less, 1 reaction less"
    assert TRIO in run["output"]["text"]


def test_other_private_repositories_are_counted_and_not_named(propose, deliver, github):
    """A public check run counts private repositories without naming them."""
    github.add_repository(HIDDEN, private=True)
    github.open_issue(HIDDEN, "bob")
    deliver(github.comment(HIDDEN, 1, "bob", "/ping"))
    github.add_repository("snakes/.github")
    run = propose(SILENT, "snakes/.github")
    assert run["output"]["title"] == "1 comment less, 1 reaction less"
    assert HIDDEN not in json.dumps(run)
    assert "Not shown: 2 in private or other repositories" in run["output"]["text"]


def test_a_question_in_another_repository_is_not_named(github):
    """An action in another repository than its cause's is not named."""
    where = {"repository": "snakes/secret", "title": "?", "text": "?"}
    ask = Ask(organization="snakes", person="alice", pull_request=f"{TRIO}#1", **where)
    past = Past("g", 1.0, f"{TRIO}#1", view(*github.merge_pull_request(TRIO, "alice")))
    made = Preview([Difference(How.MORE, ask, past)], looked_at=1)
    check = report(TRIO, "0" * 40, made, server_url="https://github.com")
    assert "secret" not in check.title + check.summary + check.text


def test_a_private_repository_may_name_itself(propose, deliver, github):
    """A private repository may name itself."""
    github.add_repository(HIDDEN, private=True)
    github.open_issue(HIDDEN, "bob")
    deliver(github.comment(HIDDEN, 1, "bob", "/ping"))
    assert f"[{HIDDEN}#1]" in propose(SILENT, HIDDEN)["output"]["text"]


class Client:
    """A client that counts requests and returns nothing."""

    def __init__(self):
        self.asked = 0

    def get(self, path, /, *, params=None, **names):
        self.asked += 1
        raise NotFound("Not Found", method="GET", path=path)


def test_questions_are_asked_once_and_not_without_end():
    """Answers and errors are remembered; questions beyond the limit are refused."""
    client = Client()
    questions = Questions(client, 1)
    for _ in range(2):
        with pytest.raises(NotFound):
            questions.get("/a/{b}", b="c")
    with pytest.raises(Unasked):
        questions.get("/a/{b}", b="d")
    assert (client.asked, questions.asked) == (1, 1)


def test_a_delivery_with_unknown_facts_is_counted(previewer, deliver, github):
    """A delivery with unknown facts is counted as unjudged."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    made = previewer.preview(THREE, TRIO, client=None, most=0)
    assert (made.looked_at, made.unjudged, made.questions) == (1, 1, 0)
    assert "skipped 1 because facts are unknown" in list(lines(made))[-1]


def test_the_last_deliveries_of_a_scope_are_had_oldest_first(queue, clock):
    """The scope is a repository, an organisation or everything; expired ones are skipped."""
    for number, place in enumerate([TRIO, HIDDEN, "birds/nest", f"{TRIO}#5"]):
        payload = {"repository": {"full_name": place.partition("#")[0]}}
        queue.put(
            NewJob(
                queue=DELIVERIES,
                key=str(number),
                subject=place,
                body=json.dumps(payload).encode(),
                run_at=clock(),
            )
        )

    def found(scope):
        return [past.guid for past in stored(queue, scope, most=3)]

    assert found(TRIO) == ["0", "3"]
    assert [found("Snakes"), found("")] == [["0", "1", "3"], ["1", "2", "3"]]
    assert found("snakes/t") == []


def reader_of(people, queue, at):
    questions = Questions(None, 0)
    merges = Merges([], questions)
    return past_reader(questions, people, queue, merges, received_at=at, since=at)


def test_a_later_invitation_does_not_count_as_membership(people, queue, clock):
    """An invitation of the previewed deliveries does not count as membership."""
    invite = Invite(organization="snakes", person="alice")
    queue.put(NewJob(queue=ACTIONS, key=invite.key, body=b"{}", run_at=clock()))
    people.remember("snakes", "alice", "pending")
    states = [
        reader_of(people, queue, at).membership("snakes", "alice")
        for at in (clock() - 1, clock() + 1)
    ]
    assert states == [None, "pending"]


def test_a_rule_that_fails_is_counted_and_ends_nothing(github):
    """A failing rule, also a custom one, is counted and stops nothing."""

    def fail(*_):
        raise ValueError("poison")

    rule = type(ping.RULE)(
        name="bad", events=frozenset({("star", "created")}), settings=ping.PingSettings, decide=fail
    )
    past = Past("g", 1.0, TRIO, view(*github.star(TRIO, "bob")))
    made = preview([rule], [past], lambda _: (Settings(), Settings()), lambda _: None)
    assert (made.looked_at, made.unjudged) == (1, 1)


def test_text_in_a_table_stays_in_its_cell(github):
    """A name cannot end a cell, mention someone or become markup."""
    action = Invite(organization="snakes", person="a`|b\n@all")
    past = Past("g", 1.0, TRIO, view(*github.star(TRIO, "bob")))
    made = Preview([Difference(How.MORE, action, past)], looked_at=1)
    text = report(TRIO, "0" * 40, made, server_url="https://github.com").text
    assert "`invite a'/b @all to snakes`" in text
    assert headline(made) == "1 more invitation"
    assert values(made)["differences"][0]["how"] == "more"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((0, 0, 0), "No stored delivery to evaluate"),
        ((3, 0, 0), "Nothing would have been done differently"),
        ((3, 2, 0), "Nothing would have been done differently; 2 could not be judged"),
        ((3, 0, 4), "Nothing would have been done differently; 4 could not be judged"),
        ((2, 2, 0), "None of the deliveries could be judged (2)"),
        ((0, 0, 5), "None of the deliveries could be judged (5)"),
    ],
)
def test_the_headline_counts_what_could_not_be_judged(counts, words):
    """Nobody takes "nothing" for an answer about deliveries that were not judged."""
    looked_at, unjudged, too_late = counts
    made = Preview(looked_at=looked_at, unjudged=unjudged, too_late=too_late)
    assert headline(made) == words
    assert next(lines(made)) == f"{words}."


def test_the_changed_file_must_be_right(previewer):
    """An invalid file has no preview."""
    with pytest.raises(SettingsError):
        previewer.preview("[", TRIO, client=None, most=0)


def happen(github, deliver):
    """A series of events, each delivered before the next."""
    for name in ("alice", "bob", "alice", "carol", "alice"):
        deliver(github.merge_pull_request(TRIO, name))
    github.open_issue(TRIO, "bob")
    deliver(github.comment(TRIO, 6, "bob", "/ping"))


def live(folder, clock, text):
    """The actions of a bot that has had these settings from the start."""
    folder.mkdir()
    engine = open_engine(f"sqlite:///{folder / 'bot.sqlite'}")
    migrated(engine, HISTORIES)
    github = FakeGithub(clock=clock)
    queue = Queue(engine, clock=clock)
    base = Settings(operator=read_text(RULES, text, source=FILE))
    people = People(engine, clock=clock)
    files = SettingsFiles(engine, RULES, base, clock=clock)
    with github.serve() as server:
        updater = Updater(
            app=GithubApp(
                app_id=github.app_id,
                private_key=github.private_key,
                webhook_secrets=["x"],
                user_agent="test",
                api_url=server.url,
                clock=clock,
                wait=None,
            ),
            queue=queue,
            people=people,
            settings=files,
            clock=clock,
            previewer=Previewer(queue=queue, people=people, settings=files),
        )
        wanted = {}

        def deliver(happening):
            body = json.dumps(happening.payload).encode()
            key = f"g{len(queue.search(DELIVERIES))}"
            kind, about = happening.event, subject(happening.payload)
            queue.put(
                NewJob(queue=DELIVERIES, key=key, subject=about, kind=kind, body=body, run_at=0.0)
            )
            (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
            for new in getattr(updater.decide(job), "put", ()):
                wanted.setdefault(new.key, Planned.decode(new.body).action)
            ends.done(queue, job)
            clock.advance(60)

        happen(github, deliver)
    engine.dispose()
    return wanted


def test_a_preview_says_what_then_happens(tmp_path, clock, github, deliver, queue, previewer, app):
    """A bot with these settings from the start decides what the preview predicts."""
    text = "[invite]\nmerged_pull_requests = 2\n[ping]\nenabled = false\n"
    happen(github, deliver)
    wanted = {row.key: Planned.decode(queue.body(row.id)).action for row in queue.search(ACTIONS)}
    client = app.client_for(github.install("snakes").id).read_only()
    for each in previewer.preview(text, TRIO, client=client, most=20).differences:
        wanted.pop(each.action.key, None)
        if each.how is not How.LESS:
            wanted[each.action.key] = each.action
    assert wanted == live(tmp_path / "live", clock, text)


def test_without_the_permission_for_checks_nothing_is_dead(propose, github, queue):
    """Without the permission for checks the rest works as before."""
    refused = faults.Fault(name="403", answer=faults.Refused(403, "No").answer)
    github.faults.append(faults.plan(refused, path="*/check-runs", times=None))
    assert propose(THREE) is None
    assert [row.state for row in queue.search(ACTIONS)] == [State.DONE]


UNLISTED = {
    "422": faults.refused(422, "Sorry, the diff exceeded the maximum number of files"),
    "406": faults.refused(406, "Sorry, the diff exceeded the maximum number of lines"),
    "500": faults.failed(500, done=False),
}


@pytest.mark.parametrize("answer", UNLISTED)
def test_a_diff_that_github_does_not_list_is_previewed(propose, deliver, github, answer):
    """The file at the head commit differs from the one in force, so the pull request changes it."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    github.faults.append(faults.plan(UNLISTED[answer], path="*/files", times=None))
    assert propose(THREE)["output"]["title"] == "1 comment less, 1 invitation less"


@pytest.mark.parametrize("answer", ["422", "406"])
def test_a_diff_that_github_does_not_list_may_leave_the_file_alone(propose, github, queue, answer):
    """The file in force makes no check run, nor does a branch that is older than the file."""
    github.add_file(TRIO, FILE, THREE)
    github.faults.append(faults.plan(UNLISTED[answer], path="*/files", times=None))
    assert [propose(THREE), propose(None)] == [None, None]
    assert not [row for row in queue.search(DELIVERIES) if row.state is State.DEAD]


def test_a_removal_in_a_diff_that_github_fails_to_list_is_asked_for_again(propose, github):
    """A failure may pass; until then nothing says whether the file is removed or not there yet."""
    github.add_file(TRIO, FILE, THREE)
    github.faults.append(faults.plan(UNLISTED["500"], path="*/files", times=3))
    assert propose(None, status="removed")["output"]["title"] == "The file is removed"


def test_later_actions_of_the_bot_do_not_count(people, queue, clock):
    """The bot's actions since then do not count; earlier ones do."""
    comment = Comment(about="x", repository=TRIO, number=1, text="hello")
    planned = Planned(action=comment, installation=1, delivery="g", rule="ping").encode()
    queue.put(
        NewJob(queue=ACTIONS, key=comment.key, subject=f"{TRIO}#1", body=planned, run_at=clock())
    )
    before, after = reader_of(people, queue, clock() - 1), reader_of(people, queue, clock() + 1)
    assert (before.wanted_at(comment), after.wanted_at(comment)) == (None, clock())
    assert (before.done(TRIO, 1, most=5), len(after.done(TRIO, 1, most=5))) == ([], 1)
    assert not before.was_invited("snakes", "alice")
    people.remember("snakes", "alice", "active")
    assert before.membership_now("snakes", "alice") == "active"


class Pages:
    """An endless list, and a query."""

    def pages(self, path, /, *, params=None, **names):
        return iter(range(10**9))

    def graphql(self, query, /, **variables):
        return {"asked": variables}


def test_a_list_is_one_question_and_has_an_end():
    """A list and a query are one question each; a list that is too long counts as unknown."""
    questions = Questions(Pages(), 5)
    for _ in range(2):
        with pytest.raises(Unasked):
            questions.pages("/a")
    assert questions.graphql("query", name="x") == {"asked": {"name": "x"}}
    assert questions.asked == 2


def test_a_rule_that_cannot_decide_yet_is_not_judged(github):
    """A delivery with an undecided rule is unjudged."""

    def wait(*_):
        raise NotYet("GitHub does not know yet")

    rule = replace(ping.RULE, events=frozenset({("star", "created")}), decide=wait)
    past = Past("g", 1.0, TRIO, view(*github.star(TRIO, "bob")))
    made = preview([rule], [past], lambda _: (Settings(), Settings()), lambda _: None)
    assert made.unjudged == 1


def test_long_previews_are_cut(github):
    """Long previews are cut; the rest is counted."""
    past = Past("g", 1.0, TRIO, view(*github.star(TRIO, "bob")))
    actions = [Invite(organization="snakes", person=f"p{number}") for number in range(150)]
    nowhere = Past("h", 1.0, "snakes", Event("organization", "member_added"))
    found = [Difference(How.MORE, action, past) for action in actions]
    made = Preview([*found, Difference(How.MORE, actions[0], nowhere)], looked_at=2)
    text = report(TRIO, "0" * 40, made, server_url="https://github.com").text
    assert text.count("would be done") == 100
    assert "And 50 more." in text
    assert "Not shown: 1" in text


def test_a_file_that_is_renamed_away_is_taken_away(deliver, github):
    """A renamed file counts as removed."""
    happening = github.open_pull_request(TRIO, "mallory")
    github.pull(TRIO, 1).files = [ChangedFile("old.toml", previous=FILE)]
    deliver(happening)
    (run,) = github.world.repositories[TRIO].check_runs.values()
    assert run["output"]["title"] == "The file is removed"


def test_a_file_that_is_no_text_fails_the_check(previewer, github):
    """The check run says that the file is not text."""
    problems = previewer.settings.problems(File(sha="x", faults=(Problem((), "is not UTF-8"),)))
    assert [str(problem) for problem in problems] == ["is not UTF-8"]


def test_an_event_without_a_pull_request_has_no_check(previewer):
    """An incomplete payload yields no check run."""
    assert previewer.check(None, Event("pull_request", "opened")) == []
