"""The main case with real processes: a signed delivery in, an invitation and a comment out."""

import pytest
import requests

from tests.support.octokit import examples
from tests.support.pgbouncer import pooler
from tests.support.running import running, until

TRIO = "snakes/trio"


def settings(github, api_url):
    return {
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
        "GITHUB_USER_AGENT": "test-bot",
        "GITHUB_API_URL": api_url,
    }


@pytest.fixture
def bot(github, judge, tmp_path):
    with running(tmp_path / "var", settings(github, judge.url)) as started:
        started.wait_until_ready()
        yield started


def test_a_merged_pull_request_brings_one_invitation_and_one_comment(bot, github, judge):
    """One PUT, one comment, valid requests; the same delivery again has no effect."""
    happening = github.merge_pull_request(TRIO, "alice")
    assert github.deliver(*happening, to=bot.hook, delivery_id="guid-1") == 202
    until(lambda: github.comments(TRIO, 1), "the welcome is posted")
    assert github.membership("snakes", "alice").state == "pending"
    asked = len(github.calls)
    assert github.deliver(*happening, to=bot.hook, delivery_id="guid-1") == 202
    # The effect of a later delivery shows that the loop has passed the repeated one.
    later = github.merge_pull_request(TRIO, "bert")
    assert github.deliver(*later, to=bot.hook, delivery_id="guid-2") == 202
    until(lambda: github.comments(TRIO, 2), "the second welcome is posted")
    writes = [call for call in github.calls[asked:] if call.method != "GET"]
    assert [call.path for call in writes] == [
        "/orgs/snakes/memberships/bert",
        f"/repos/{TRIO}/issues/2/comments",
    ]
    assert len(github.comments(TRIO, 1)) == 1
    assert judge.violations == []


def test_it_works_through_a_pooler_in_transaction_mode(github, judge, postgresql_server, tmp_path):
    """The bot's processes share two sessions of the server, and each delivery has its effects."""
    with pooler(postgresql_server.own_database(), "transaction") as url:
        database = {"DATABASE_URL": f"{url}?pool_mode=transaction"}
        with running(tmp_path / "var", settings(github, judge.url) | database) as bot:
            bot.wait_until_ready()
            for name in ("alice", "bert", "carl"):
                merged = github.merge_pull_request(TRIO, name)
                assert github.deliver(*merged, to=bot.hook) == 202
            until(lambda: all(github.comments(TRIO, each) for each in (1, 2, 3)), "three welcomes")
    assert [len(github.comments(TRIO, each)) for each in (1, 2, 3)] == [1, 1, 1]
    assert judge.violations == []


def test_ping_is_answered_everywhere(bot, github, judge):
    """/ping is answered in all five kinds of text, with a heart where GitHub has reactions."""
    github.deliver(*github.open_issue(TRIO, "alice", body="/ping"), to=bot.hook)
    github.deliver(*github.open_pull_request(TRIO, "alice", body="/ping"), to=bot.hook)
    github.deliver(*github.comment(TRIO, 1, "alice", "/ping"), to=bot.hook)
    github.deliver(*github.review_comment(TRIO, 2, "alice", "/ping"), to=bot.hook)
    github.deliver(*github.review(TRIO, 2, "alice", "/ping"), to=bot.hook)
    until(lambda: len(github.calls_to("POST", "*/reactions")) == 4, "four hearts are given")
    until(lambda: len(pongs(github)) == 5, "five answers are posted")
    assert judge.violations == []


def pongs(github):
    bodies = [call.body for call in github.calls_to("POST") if call.status == 201]
    return [body for body in bodies if (body or {}).get("body", "").startswith("pong!")]


def test_all_real_payloads_are_accepted_and_none_ends_dead(bot, github):
    """Every example payload of GitHub is answered 202, and the bot stays healthy."""
    installation = {"id": github.install("snakes").id}
    answers = []
    for example in examples():
        known = {"installation": installation} if "installation" in example.payload else {}
        answers.append(github.deliver(example.event, example.payload | known, to=bot.hook))
    assert set(answers) == {202}
    # What a delivery names, and GitHub does not, is asked for again for a minute.
    until(
        lambda: is_bored(bot),
        "the loop has decided them all, and none is dead or retried",
        patience_seconds=150,
    )


def is_bored(bot):
    return "<strong>bored</strong>" in requests.get(bot.url, timeout=5).text
