"""Regular expressions, found in the syntax trees, and texts that make them backtrack."""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from re import _constants as ops  # type: ignore[attr-defined]  # the parser of `re` itself
from re import _parser as parser  # type: ignore[attr-defined]
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).parents[2]
LAYERS = ("bot", "luggage", "bot_deploy")
# It answers tests and the demo, so no stranger reaches it.
_SKIPPED = "luggage/fake_github/"
_CALLS = frozenset(
    ("compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn")
)
# Calls of ours that take a pattern as their first argument.
_OWN_CALLS = frozenset({"matching"})
# Examples of patterns that are made at run time, by their source.
_MADE_AT_RUN_TIME = MappingProxyType({r'rf"#+\s*{re.escape(key)}\s*="': r"#+\s*secret\s*="})
_NO_PATTERNS = MappingProxyType({"bot/options/kinds.py": frozenset({"pattern"})})
# Files that pass their patterns to a method of their own, and what that applies.
_APPLIED_BY = MappingProxyType({"bot/options/toml_locations.py": frozenset({"match"})})
_CHARACTERS = tuple(' \n/`-."\\[<0aé')


@dataclass(frozen=True, slots=True)
class Use:
    """A regular expression: where it is, its pattern, flags, and the methods that are called."""

    place: str
    pattern: str | bytes
    flags: int
    methods: frozenset[str]

    def __str__(self) -> str:
        """The place and the pattern, as the name of a test."""
        return f"{self.place} {self.pattern!r}"


class Unresolved(Exception):  # noqa: N818
    """A pattern that is made at run time, and has no example."""


def uses() -> Sequence[Use]:
    """Every regular expression of the tree; raises Unresolved."""
    files = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
    return [
        use
        for path in files
        if not path.relative_to(ROOT).as_posix().startswith(_SKIPPED)
        for use in _uses_in(path)
    ]


def _uses_in(path: Path) -> Iterator[Use]:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    name = path.relative_to(ROOT).as_posix()
    for node in ast.walk(tree):
        found = _pattern_argument(node)
        if found is None:
            continue
        call, argument, method = found
        if isinstance(argument, ast.Name) and argument.id in _NO_PATTERNS.get(name, ()):
            continue  # its callers are found instead
        for value in _values(argument, tree, path, text):
            flags = _flags(call, path)
            methods = frozenset({method})
            if method == "compile":
                methods = _APPLIED_BY.get(name) or _methods(call, tree)
            yield Use(f"{name}:{call.lineno}", value, flags, methods)


def _pattern_argument(node: ast.AST) -> tuple[ast.Call, ast.expr, str] | None:
    """The call, the argument that is a pattern, and the method that applies it."""
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    named = [word.value for word in node.keywords if word.arg in {"pattern", "regex"}]
    if isinstance(function, ast.Attribute):
        of_re = isinstance(function.value, ast.Name) and function.value.id == "re"
        if of_re and function.attr in _CALLS:
            return node, node.args[0] if node.args else named[0], function.attr
    elif isinstance(function, ast.Name) and function.id in _OWN_CALLS:
        return node, node.args[0] if node.args else named[0], "fullmatch"
    return (node, named[0], "search") if named else None


def _values(argument: ast.expr, tree: ast.Module, path: Path, text: str) -> Sequence[str | bytes]:
    source = ast.get_source_segment(text, argument) or ""
    if source in _MADE_AT_RUN_TIME:
        return [_MADE_AT_RUN_TIME[source]]
    if isinstance(argument, ast.Name):
        for node in ast.walk(tree):
            if isinstance(node, ast.GeneratorExp) and argument in ast.walk(node.elt):
                return [str(value) for value in _evaluated(node.generators[0].iter, path)]
    value = _evaluated(argument, path)
    if not isinstance(value, str | bytes):
        raise Unresolved(f"{path}: {source} is no pattern")
    return [value]


def _evaluated(expression: ast.expr, path: Path) -> Any:
    code = compile(ast.Expression(expression), str(path), "eval")
    try:
        return eval(code, dict(_namespace(path)))
    except NameError as error:
        raise Unresolved(
            f"{path}:{expression.lineno}: give an example in _MADE_AT_RUN_TIME: {error}"
        ) from error


def _namespace(path: Path) -> Mapping[str, Any]:
    """The names of a module, for the parts of its patterns."""
    return vars(importlib.import_module(_module_name(path)))


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _flags(call: ast.Call, path: Path) -> int:
    for argument in [*call.args[1:], *(word.value for word in call.keywords)]:
        if "re." in ast.unparse(argument) and not isinstance(argument, ast.Constant):
            value = _evaluated(argument, path)
            if isinstance(value, re.RegexFlag):
                return int(value)
    return 0


def _methods(call: ast.Call, tree: ast.Module) -> frozenset[str]:
    """The methods that the file calls on a compiled pattern; all of them if it is passed on."""
    every = frozenset({"search", "match", "fullmatch", "sub"})
    name = next(
        (
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and node.value is call
            for target in node.targets
            if isinstance(target, ast.Name)
        ),
        None,
    )
    if name is None:
        return every
    called = frozenset(
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    )
    return called & _CALLS or every


def apply(use: Use, method: str, text: str) -> None:
    """Apply a regular expression to a text, as the tree does."""
    compiled: re.Pattern[Any] = re.compile(use.pattern, use.flags)
    subject: Any = text if isinstance(use.pattern, str) else text.encode()
    empty: Any = "" if isinstance(use.pattern, str) else b""
    match method:
        case "sub" | "subn":
            compiled.sub(empty, subject)
        case "findall" | "finditer" | "split":
            for _ in compiled.finditer(subject):
                pass
        case _:
            getattr(compiled, method)(subject)


def hostile(use: Use) -> Sequence[tuple[str, str, str]]:
    """Texts as head, part to repeat, and tail: what its repeats match, and then a mismatch."""
    pattern = use.pattern if isinstance(use.pattern, str) else use.pattern.decode("latin-1")
    parsed = parser.parse(pattern, use.flags & ~re.UNICODE)
    parts: dict[tuple[str, str, str], None] = {}
    for before, repeated in _repeats(list(parsed), ""):
        for tail in ("", "\0", "\n\0"):
            parts[before, repeated, tail] = None
        if before:
            parts["", before + repeated, "\0"] = None
            parts["", before, "\0"] = None
    whole = _sample(list(parsed))
    parts["", whole, "\0"] = None
    parts["", whole[:-1], ""] = None
    for character in _CHARACTERS:
        parts["", character, "\0"] = None
    return [each for each in parts if each[1]]


def grown(parts: tuple[str, str, str], size: int) -> str:
    """A hostile text of about `size` characters."""
    head, part, tail = parts
    return head + part * max(1, size // len(part)) + tail


def _repeats(items: Sequence[Any], before: str) -> Iterator[tuple[str, str]]:
    """For each repeat: a text that leads to it, and one that its body matches."""
    for op, value in items:
        if op in {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}:
            body = list(value[2])
            for sample in _samples(body):
                yield before, sample
            yield from _repeats(body, before)
        elif op is ops.SUBPATTERN:
            yield from _repeats(list(value[3]), before)
        elif op is ops.ATOMIC_GROUP:
            yield from _repeats(list(value), before)
        elif op is ops.BRANCH:
            for branch in value[1]:
                yield from _repeats(list(branch), before)
        before += _sample([(op, value)])


def _samples(body: Sequence[Any]) -> Sequence[str]:
    """Texts that the body of a repeat matches: of a set, some of its members."""
    if len(body) == 1 and body[0][0] is ops.IN:
        return _members(body[0][1])
    if len(body) == 1 and body[0][0] is ops.BRANCH:
        return [_sample(list(branch)) for branch in body[0][1][1]]
    return [_sample(body)]


def _sample(items: Sequence[Any]) -> str:
    """A text that the items match, with one round of each repeat. Looks around are not obeyed."""
    return "".join(_one(op, value) for op, value in items)


def _one(op: Any, value: Any) -> str:
    if op is ops.LITERAL:
        return chr(value)
    if op is ops.NOT_LITERAL:
        return "b" if chr(value) == "a" else "a"
    if op is ops.ANY:
        return "a"
    if op is ops.IN:
        return _members(value)[0]
    rounds, items = _inner(op, value)
    return _sample(items) * rounds


def _inner(op: Any, value: Any) -> tuple[int, Sequence[Any]]:
    """How often an item repeats others, and these; none for borders and looks around."""
    if op in {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}:
        return min(max(1, value[0]), 40), list(value[2])
    if op is ops.SUBPATTERN:
        return 1, list(value[3])
    if op is ops.ATOMIC_GROUP:
        return 1, list(value)
    return 1, list(value[1][0]) if op is ops.BRANCH else []


_CATEGORIES: Mapping[Any, Sequence[str]] = {
    ops.CATEGORY_DIGIT: ["0"],
    ops.CATEGORY_SPACE: [" ", "\n", "\t"],
    ops.CATEGORY_WORD: ["a", "_"],
    ops.CATEGORY_NOT_DIGIT: ["a"],
    ops.CATEGORY_NOT_SPACE: ["a", "/", "."],
    ops.CATEGORY_NOT_WORD: [" ", "/"],
}


def _members(members: Sequence[Any]) -> list[str]:
    if members[0][0] is ops.NEGATE:
        excluded = {chr(value) for op, value in members if op is ops.LITERAL}
        return [each for each in "a0 /\n\\" if each not in excluded][:4] or ["a"]
    found: list[str] = []
    for op, value in members:
        if op is ops.LITERAL:
            found.append(chr(value))
        elif op is ops.RANGE:
            found.append(chr(value[0]))
        elif op is ops.CATEGORY:
            found += _CATEGORIES[value]
    return found[:6] or ["a"]
