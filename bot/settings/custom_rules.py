"""Validation of custom rules, and of the actions that they define."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import is_dataclass
from typing import Any

from cronsim import CronSimError

from bot.actions import Action, kinds
from bot.options.cron import latest_tick
from bot.options.kinds import FLAG, options, stray_fields
from bot.rule import ACCESS_STRENGTH, Rule


def faults(rule: object, taken: Collection[str]) -> Sequence[str]:
    """The faults of a custom rule, as messages; empty for a valid one. Pure.

    `taken` are names that it must not have: of other rules, and of tables in config.toml.
    """
    if not isinstance(rule, Rule):
        return ["it must define RULE = Rule(...), with Rule from bot.rule"]
    return _faults(rule, taken)


def _faults(rule: Any, taken: Collection[str]) -> Sequence[str]:
    # Any: no type checker has seen the file of a custom rule.
    messages = [*_faults_of_names(rule, taken), *_faults_of_settings(rule.settings)]
    if not callable(rule.decide):
        messages.append("decide must be a function that takes an event, a reader and the settings")
    if rule.schedule is not None:
        messages += _faults_of_schedule(rule.schedule)
    return [*messages, *_faults_of_actions(getattr(rule.decide, "__module__", ""))]


def _faults_of_actions(module: str) -> Iterator[str]:
    """The faults of the actions that the rule's module defines."""
    for action in kinds().values():
        if action.__module__ != module:
            continue
        # vars(), because a subclass inherits the attribute of its base class.
        parameters = vars(action).get("__dataclass_params__")
        if parameters is None or not parameters.frozen:
            how = "@dataclass(frozen=True, slots=True, kw_only=True)"
            yield f"the action {action.kind} must be a frozen dataclass: {how}"
        if action.perform is Action.perform:
            yield f"the action {action.kind} must define perform(self, work)"


def _faults_of_names(rule: Any, taken: Collection[str]) -> Iterator[str]:
    if not isinstance(rule.name, str) or not re.fullmatch(r"[a-z][a-z0-9_-]{0,49}", rule.name):
        yield "its name may only have lower-case letters, digits, - and _, and begins with a letter"
    elif rule.name in taken:
        yield f"its name, {rule.name}, is taken"
    if not all(
        isinstance(pair, tuple) and [type(part) for part in pair] == [str, str]
        for pair in rule.events
    ):
        yield 'events must be pairs of strings, such as ("issues", "opened") or ("push", "")'
    for name, access in rule.permissions.items():
        if access not in ACCESS_STRENGTH:
            yield f"the permission {name} must be read or write, not {access!r}"


def _faults_of_settings(settings: Any) -> Iterator[str]:
    if not (isinstance(settings, type) and is_dataclass(settings)):
        yield "settings must be a dataclass with fields made by bot.options.kinds.option(...)"
        return
    parameters: Any = getattr(settings, "__dataclass_params__")  # noqa: B009  typeshed lacks it
    if not parameters.frozen:
        yield "settings must be frozen: @dataclass(frozen=True, slots=True)"
    stray = ", ".join(field.name for field in stray_fields(settings))
    if stray:
        yield f"each field of settings must be an option(...); {stray} is not"
    elif "enabled" not in options(settings) or options(settings)["enabled"].kind is not FLAG:
        yield "settings must have a field enabled: bool = option(FLAG, ...)"


def _faults_of_schedule(line: str) -> Iterator[str]:
    try:
        latest_tick(line, 0.0)
    except (CronSimError, StopIteration, TypeError, AttributeError) as error:
        yield f"its schedule is not a valid cron line: {error}"
