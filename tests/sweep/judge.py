"""Judge: compares a life in which GitHub answered oddly with the same life without that.

The promises, in the order of the checks: nothing is said twice; nothing crashes; nothing is lost
that could be done; a dead job gives a reason that names the remedy; the other rules go on; and no
answer but "not there" is taken for it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import bot.actions
from bot.actions import ACTIONS, planned_of
from bot.events import DELIVERIES
from luggage.fake_github.records import Comment
from luggage.jobs import State
from tests.sweep.answers import Reply
from tests.sweep.stage import Asked, Place, Stage

_ID = re.compile(r"(?<=comments/)[0-9]+")
_SHA = re.compile(r"\b[0-9a-f]{40}\b")
_TIME = re.compile(r"\b1[0-9]{9}\b")
_MARKER = re.compile(r"<!-- portmanteau:([0-9a-f]{24}) -->")
_CRASH = re.compile(r"(?!RequestFailed|UnreadableRecord)\w*(Error|Exception): ")
_SAYS = frozenset({bot.actions.Comment.kind, bot.actions.React.kind})
# What comes with every delivery: whoever needs it waits for it, or ends with it.
_SHARED = frozenset({"token", "settings", "own name"})
PERIODIC = frozenset({"schedule", "recovery"})

DONE = "done"
ENDS = "ends with a reason"
ANSWERS = "says so"
WITHOUT = "not there"
WAITS = "waits for the next run"
OUTCOMES = (DONE, WAITS, ENDS, ANSWERS, WITHOUT)


@dataclass(frozen=True)
class Did:
    """An action as it ended."""

    rule: str
    kind: str
    state: State
    reason: str
    result: str = ""

    @property
    def says_why(self) -> bool:
        """Whether the recorded result gives a reason for what was not done."""
        return self.state is State.DONE and '"reason": ' in self.result


@dataclass(frozen=True)
class Life:
    """What came of a story: effects at GitHub, actions and deliveries by key, and all requests."""

    effects: Counter[str]
    markers: Counter[str]
    actions: Mapping[str, Did]
    deliveries: Mapping[str, Did]
    failures: tuple[str, ...]
    asked: tuple[Asked, ...]

    def rules_at(self, exact: tuple[str, str, str]) -> set[str]:
        """The rules that make this very request."""
        return {_rule(asked.place.maker) for asked in self.asked if asked.exact == exact}


@dataclass(frozen=True)
class Verdict:
    """The outcome of one answer at one place, and what is wrong with it; "" if nothing is."""

    outcome: str
    wrong: str = ""

    def __str__(self) -> str:
        """Return the outcome as the page shows it."""
        return f"{self.outcome}: {self.wrong}" if self.wrong else self.outcome


def life_of(stage: Stage) -> Life:
    """The life that a stage has seen."""
    actions = {
        _key(stage, row.key): Did(
            _rule_of(stage, row.id), row.kind, row.state, row.reason, row.result
        )
        for row in stage.queue.search(ACTIONS, limit=1000)
    }
    deliveries = {
        row.key: Did("", row.kind, row.state, row.reason)
        for row in stage.queue.search(DELIVERIES, limit=1000)
    }
    texts = list(_texts(stage))
    markers = Counter(mark for _, text in texts for mark in _MARKER.findall(text))
    return Life(
        effects=Counter(_effects(stage)),
        markers=markers,
        actions=actions,
        deliveries=deliveries,
        failures=tuple(stage.failures),
        asked=tuple(stage.asked),
    )


def _rule_of(stage: Stage, job: int) -> str:
    planned = planned_of(stage.queue.body(job))
    return planned.rule if planned else ""


def _key(stage: Stage, key: str) -> str:
    """The key of an action, with names in place of the ids of texts and commits, and of times.

    The simulated GitHub numbers all things together, also those that only one of two lives has.
    """
    world = stage.github.world
    issues = [one for each in world.repositories.values() for one in each.issues.values()]
    commits = {
        commit.sha: f"commit of {issue.author.login}"
        for issue in issues
        for commit in (issue.pull.commits if issue.pull else ())
    }
    texts = {
        each.id: f"{each.author.login}: {each.body}"
        for each in (*_comments(stage), *world.review_comments.values())
    }
    key = _SHA.sub(lambda match: commits.get(match[0], match[0]), key)
    key = _TIME.sub("time", key)
    return _ID.sub(lambda match: texts.get(int(match[0]), match[0]), key)


def _comments(stage: Stage) -> Iterator[Comment]:
    for repository in stage.github.world.repositories.values():
        for issue in repository.issues.values():
            yield from issue.comments


def _rule(maker: str) -> str:
    return maker.partition(":")[0]


def _texts(stage: Stage) -> Iterator[tuple[str, str]]:
    """All texts that the bot has written, each with its place."""
    bot = stage.github.world.bot
    for repository in stage.github.world.repositories.values():
        for issue in repository.issues.values():
            here = f"{repository.full_name}#{issue.number}"
            if issue.author is bot:
                yield f"issue in {repository.full_name}", f"{issue.title}: {issue.body}"
            for comment in issue.comments:
                if comment.author is bot:
                    yield f"comment on {here}", comment.body
    for each in stage.github.world.review_comments.values():
        if each.author is bot:
            yield f"comment on the lines of {each.issue.number}", each.body


def _effects(stage: Stage) -> Iterator[str]:
    """Everything that the bot can change at GitHub, as plain texts."""
    world = stage.github.world
    for place, text in _texts(stage):
        yield f"{place}: {_MARKER.sub('', text).strip()}"
    for repository in world.repositories.values():
        for issue in repository.issues.values():
            here = f"{repository.full_name}#{issue.number}"
            yield f"{here} is {issue.state} {issue.state_reason}"
            yield from (f"{here} has the label {label.name}" for label in issue.labels)
            yield from (f"{here} is assigned to {person.login}" for person in issue.assignees)
        for run in repository.check_runs.values():
            yield f"check {run['name']}: {run['conclusion']}: {run['output']['title']}"
    for account in world.accounts.values():
        for name, member in account.members.items():
            yield f"{name} is {member.role} of {account.login}: {member.state}"
        for team in account.teams.values():
            yield from (f"{name} is {role} of {team.name}" for name, role in team.roles.items())
    yield from (f"{part} is paused" for part in stage.queue.paused_parts())


def judge(usual: Life, odd: Life, at: Asked, reply: Reply) -> Verdict:
    """The verdict on a life in which one request got another answer."""
    outcome = _outcome(usual, odd, at.place)
    found = list(_wrongs(usual, odd, at, reply, outcome))
    return Verdict(outcome, "; ".join(found))


def _lost(usual: Life, odd: Life) -> dict[str, Did]:
    """The actions that were done, and now are not."""
    return {
        key: did
        for key, did in usual.actions.items()
        if did.state is State.DONE
        and (key not in odd.actions or odd.actions[key].state is not State.DONE)
    }


def _dead(life: Life) -> list[Did]:
    jobs = [*life.actions.values(), *life.deliveries.values()]
    return [did for did in jobs if did.state is State.DEAD]


def _said(usual: Life, odd: Life) -> dict[str, Did]:
    """The comments that only the odd life has."""
    return {
        key: did
        for key, did in odd.actions.items()
        if key not in usual.actions
        and did.kind == bot.actions.Comment.kind
        and did.state is State.DONE
    }


def _missing(usual: Life, odd: Life) -> bool:
    return bool(_lost(usual, odd) or usual.effects - odd.effects)


def _outcome(usual: Life, odd: Life, place: Place) -> str:
    if usual.effects == odd.effects and not _lost(usual, odd) and not _dead(odd):
        return DONE
    if _dead(odd) or any(did.says_why for did in odd.actions.values()):
        return ENDS
    if _said(usual, odd) or (odd.effects - usual.effects and not _lost(usual, odd)):
        return ANSWERS
    return WAITS if place.maker in PERIODIC and _missing(usual, odd) else WITHOUT


def _wrongs(usual: Life, odd: Life, at: Asked, reply: Reply, outcome: str) -> Iterator[str]:
    yield from _told_twice(usual, odd)
    yield from _crashes(odd)
    if reply.passes and outcome != DONE:
        yield "lost for good by what passes"
    elif outcome == WITHOUT and not reply.absent:
        yield "lost without a word"
    if any(" -- " not in did.reason for did in _dead(odd) if not _CRASH.match(did.reason)):
        yield "dead without a remedy"
    yield from _harmed(usual, odd, at)
    # In two steps is as good as in one: what counts is the end.
    if not reply.absent and outcome != DONE:
        yield from _acts(usual, odd)


def _acts(usual: Life, odd: Life) -> Iterator[str]:
    """What a rule did more often than usual, other than to say something."""
    more = _kinds(odd) - _kinds(usual)
    for rule, kind in sorted(more):
        yield f"acts otherwise: {rule}: {kind}"


def _kinds(life: Life) -> Counter[tuple[str, str]]:
    done = [did for did in life.actions.values() if did.state is State.DONE]
    return Counter((did.rule, did.kind) for did in done if did.kind not in _SAYS)


def _told_twice(usual: Life, odd: Life) -> Iterator[str]:
    if any(count > 1 for count in odd.markers.values()):
        yield "said twice"
    sent = Counter({text: n for text, n in usual.effects.items() if text.startswith("comment")})
    if any(odd.effects[text] > count for text, count in sent.items()):
        yield "said twice"


def _crashes(odd: Life) -> Iterator[str]:
    reasons = [did.reason for did in _dead(odd)] + list(odd.failures)
    crash = next((reason for reason in reasons if _CRASH.match(reason)), "")
    if crash:
        yield f"crash: {crash[:60]}"


def _harmed(usual: Life, odd: Life, at: Asked) -> Iterator[str]:
    if at.place.template.endswith("/{delivery_id}"):
        missing = usual.deliveries.keys() - odd.deliveries.keys()
        if len(missing) > 1:
            yield f"holds up {len(missing) - 1} other deliveries"
    if at.place.maker in _SHARED | PERIODIC:
        return
    concerned = usual.rules_at(at.exact)
    harmed = {did.rule for did in _lost(usual, odd).values()} - concerned
    if harmed:
        yield f"harms {', '.join(sorted(harmed))}"
