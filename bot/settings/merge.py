"""Merge of settings: the one place where a narrower file meets a wider one.

A file cannot set what is not its to set, and can only tighten what a wider file sets
(bot.options.authority). Other values are ignored, with a message that says where to set them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from bot.options.authority import Authority, Scope
from bot.options.kinds import options

_CHANGE_IT = {
    Scope.OPERATOR: "the bot's operator sets it in config.toml, and other files may only tighten "
    "it; ask the operator to change it there",
    Scope.ORGANIZATION: "the organisation sets it in `.github/bot.toml` of its repository "
    "`.github`, and a repository may only tighten it; change it there",
}
_NOT_HERE = (
    "only the organisation can set it; set it in `.github/bot.toml` of its repository `.github`"
)


@dataclass(frozen=True, slots=True)
class Unused:
    """A value without effect: the option, the scope of the file that sets it, and the reason."""

    name: str
    scope: Scope
    words: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The values that apply, by option, and those that are ignored."""

    values: Mapping[str, Any]
    ignored: tuple[Unused, ...]


def merge(settings: type[Any], layers: Iterable[tuple[Scope, Mapping[str, Any]]]) -> Merged:
    """The values of one rule from its layers, widest first, without defaults. Pure."""
    values: dict[str, Any] = {}
    decided: dict[str, Scope] = {}
    ignored: list[Unused] = []
    for scope, layer in layers:
        for name, value, authority in _known(settings, layer):
            refusal = _refusal(authority, scope, decided.get(name), values.get(name), value)
            if refusal:
                ignored.append(Unused(name, scope, f"is ignored: {refusal}"))
            else:
                values[name], decided[name] = value, scope
    return Merged(values, tuple(ignored))


def _refusal(
    authority: Authority, scope: Scope, decided: Scope | None, wider: Any, value: Any
) -> str:
    """Why a file cannot set a value; "" if it can."""
    if not authority.may_set(scope):
        return _NOT_HERE
    if decided is None or authority.may_replace(wider, value):
        return ""
    return _CHANGE_IT[decided]


def _known(settings: Any, layer: Mapping[str, Any]) -> Iterator[tuple[str, Any, Authority]]:
    if layer:
        authorities = _authorities(settings)
        yield from ((name, value, authorities[name]) for name, value in layer.items())


@cache
def _authorities(settings: Any) -> Mapping[str, Authority]:
    return {name: each.authority for name, each in options(settings).items()}
