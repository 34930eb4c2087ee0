"""Validator of requests, responses and webhook payloads against GitHub's OpenAPI.

CheckingServer is a real HTTP server in front of a FakeGithub. It records each request that GitHub's
description does not allow, and each response that GitHub would not send.
"""

import functools
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from luggage.fake_github import Answer, FakeGithub, HttpServer, Outcome, Request
from tests.support import octokit

_ROOT = "urn:github"
_JSON = "application/json"
# Errors in the description; GitHub's actual responses are known.
_ERRATA = re.compile(
    # Elsewhere an account is a user or an enterprise; here it is wrongly both at once.
    r"GET /app/installations: \$\[\d+\]\.account: '\w+' is a required property"
    # The body of an issue without text is null, as the schema "issue" has it.
    r"|GET /search/issues: \$\.items\[\d+\]\.body: None is not of type 'string'"
)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@functools.cache
def description() -> "Description":
    """GitHub's description, loaded once a process (0.2 s); skips without npm."""
    path = octokit.package("openapi") / "generated/api.github.com.json"
    return Description(json.loads(path.read_text()))


def problems_of_headers(request: Request) -> Iterator[str]:
    """The rules of "Getting started with the REST API" beyond the description."""
    if not request.headers.get("user-agent"):
        yield "no User-Agent"
    if request.headers.get("accept") != "application/vnd.github+json":
        yield f"Accept is {request.headers.get('accept')!r}, not application/vnd.github+json"
    if request.headers.get("x-github-api-version") != "2022-11-28":
        yield f"X-GitHub-Api-Version is {request.headers.get('x-github-api-version')!r}"
    authorization = request.headers.get("authorization", "")
    # A manifest's code is the only authority before the App exists.
    by_code = request.path.startswith("/app-manifests/")
    if not by_code and not re.fullmatch(r"(Bearer|token) \S+", authorization):
        yield "no Authorization of the form 'Bearer TOKEN'"
    if request.body and not request.headers.get("content-type", "").startswith(_JSON):
        yield f"a body of the type {request.headers.get('content-type')!r}, not {_JSON}"


@dataclass(frozen=True)
class Operation:
    """An operation: one method of one path, and the values of its placeholders."""

    method: str
    template: str
    names: Mapping[str, str]

    @property
    def pointer(self) -> str:
        """The operation's JSON pointer in the description."""
        return f"/paths/{_escaped(self.template)}/{self.method.lower()}"


_MOVED = 301


class Description:
    """An OpenAPI 3.0 `document`, and its rules for requests, responses and webhooks."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        resource = Resource(contents=document, specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_ROOT, resource)
        self._templates: dict[int, list[list[str]]] = {}
        for path in document["paths"]:
            segments = path.split("/")
            self._templates.setdefault(len(segments), []).append(segments)

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation of a request, or None; literal segments win over placeholders."""
        # GitHub redirects the former name of a repository to its id.
        segments = re.sub("^/repositories/([0-9]+)", r"/repos/id/\1", path).split("/")
        if segments[1:2] + segments[4:5] == ["repos", "contents"]:
            # A file's path is one parameter in the description, and may contain slashes.
            segments = [*segments[:5], "/".join(segments[5:])]
        fitting = [each for each in self._templates.get(len(segments), []) if _fits(each, segments)]
        for each in sorted(fitting, key=lambda one: [_is_name(segment) for segment in one]):
            template = "/".join(each)
            if method.lower() in self.document["paths"][template]:
                pairs = zip(each, segments, strict=True)
                names = {name[1:-1]: unquote(text) for name, text in pairs if _is_name(name)}
                return Operation(method, template, names)
        return None

    def problems_of_request(self, request: Request) -> list[str]:
        """The differences of a request from the description."""
        operation = self.operation(request.method, request.path)
        if (request.method, request.path) == ("POST", "/graphql"):
            # GraphQL has its own schema; only its address and headers are checked.
            found = list(problems_of_headers(request))
        elif operation is None:
            found = ["no such operation"]
        else:
            found = self._problems_of_request(operation, request)
        return [f"{request.method} {request.path}: {problem}" for problem in found]

    def _problems_of_request(self, operation: Operation, request: Request) -> list[str]:
        return [
            *problems_of_headers(request),
            *self._problems_of_parameters(operation, request),
            *self._problems_of_body(operation, request),
        ]

    def problems_of_answer(self, request: Request, answer: Answer) -> list[str]:
        """The differences of a response from the description."""
        operation = self.operation(request.method, request.path)
        if operation is None:
            return []
        where = f"answer {answer.status} to {request.method} {request.path}"
        found = [f"{where}: {each}" for each in self._problems_of_answer(operation, answer)]
        return [problem for problem in found if not _ERRATA.search(problem)]

    def problems_of_payload(self, event: str, payload: Mapping[str, Any]) -> list[str]:
        """The differences of a webhook's payload from the description."""
        action = payload.get("action")
        name = "-".join([event, action] if action else [event]).replace("_", "-")
        if name not in self.document["x-webhooks"]:
            return [f"no webhook {name}"]
        pointer = f"/x-webhooks/{name}/post/requestBody/content/{_escaped(_JSON)}/schema"
        return [f"webhook {name}: {problem}" for problem in self._problems(pointer, payload)]

    def _problems_of_answer(self, operation: Operation, answer: Answer) -> Iterator[str]:
        if answer.status == _MOVED:
            return  # Everywhere, by the page about best practices.
        documented = self._at(operation.pointer)["responses"].get(str(answer.status))
        pointer = f"{operation.pointer}/responses/{answer.status}"
        pointer, response = self._resolved(pointer, documented or {})
        if _JSON in response.get("content", {}):
            yield from self._problems(f"{pointer}/content/{_escaped(_JSON)}/schema", answer.body)
        elif answer.status >= 400:
            # Most errors are undocumented; they share one form.
            yield from self._problems("/components/schemas/basic-error", answer.body)
        elif documented is None and answer.status != 304:
            yield "a status that is not documented"
        elif answer.body is not None:
            yield "a body where none is documented"

    def _problems_of_parameters(self, operation: Operation, request: Request) -> Iterator[str]:
        item = self._at(operation.pointer)
        known = {}
        for at, parameter in enumerate(item.get("parameters", [])):
            pointer, found = self._resolved(f"{operation.pointer}/parameters/{at}", parameter)
            known[found["in"], found["name"]] = pointer, found
        for name in request.query:
            if ("query", name) not in known:
                yield f"an unknown parameter {name!r}"
        values = {"path": operation.names, "query": request.query}
        for (place, name), (pointer, found) in known.items():
            given = values.get(place, {}).get(name)
            if given is not None:
                value = _decoded(given, self._type(pointer))
                yield from (f"{name}: {e}" for e in self._problems(f"{pointer}/schema", value))
            elif found.get("required") and place in values:
                yield f"the parameter {name!r} is missing"

    def _problems_of_body(self, operation: Operation, request: Request) -> Iterator[str]:
        item = self._at(operation.pointer)
        if "requestBody" not in item:
            if request.body:
                yield "a body where none is documented"
            return
        pointer, body = self._resolved(f"{operation.pointer}/requestBody", item["requestBody"])
        if not request.body:
            if body.get("required"):
                yield "the body is missing"
            return
        try:
            value = json.loads(request.body)
        except ValueError as error:
            yield f"the body is no JSON: {error}"
            return
        pointer = f"{pointer}/content/{_escaped(_JSON)}/schema"
        yield from self._problems(pointer, value)
        known = self._resolved(pointer, self._at(pointer))[1].get("properties")
        if known is not None and isinstance(value, dict):
            # The description allows them, but they are always a mistake.
            yield from (f"an unknown field {name!r}" for name in value if name not in known)

    def _problems(self, pointer: str, value: Any) -> Iterator[str]:
        validator = _Validator(
            {"$ref": f"{_ROOT}#{quote(pointer)}"}, registry=self._registry, format_checker=_FORMATS
        )
        for error in validator.iter_errors(value):
            told = best_match([error]) or error
            yield f"{told.json_path}: {told.message[:300]}"

    def _at(self, pointer: str) -> Any:
        found: Any = self.document
        for segment in pointer.split("/")[1:]:
            key = segment.replace("~1", "/").replace("~0", "~")
            found = found[int(key)] if isinstance(found, list) else found[key]
        return found

    def _resolved(self, pointer: str, value: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Resolve a $ref: its pointer and its value."""
        while "$ref" in value:
            pointer = value["$ref"].removeprefix("#")
            value = self._at(pointer)
        return pointer, value

    def _type(self, pointer: str) -> str:
        schema = self._resolved(f"{pointer}/schema", self._at(f"{pointer}/schema"))[1]
        return str(schema.get("type", "string"))


@dataclass
class CheckingServer:
    """A FakeGithub behind the validator: assert `server.violations == []` at the end.

    A context manager. Responses altered by a fault are not checked.
    """

    fake: FakeGithub
    description: Description = field(default_factory=description)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._server = HttpServer(self._handle, clock=self.fake.world.clock)
        self.url = self._server.url
        self.fake.world.api_url = self.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving; safe to repeat."""
        self._server.stop()

    def _handle(self, request: Request) -> Outcome:
        outcome = self.fake.handle(request)
        found = self.description.problems_of_request(request)
        if not outcome.fault:
            found += self.description.problems_of_answer(request, outcome.answer)
        with self._lock:
            self.violations += found
        return outcome


Check = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[ValidationError] | None]


def _nullable(check: Check) -> Check:
    """OpenAPI 3.0 writes `nullable: true` beside a type where JSON Schema has the type null."""

    def checked(
        validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        if instance is not None or not schema.get("nullable"):
            yield from check(validator, value, instance, schema) or ()

    return checked


_Validator: Any = validators.extend(
    Draft202012Validator,
    {
        name: _nullable(Draft202012Validator.VALIDATORS[name])
        for name in ("type", "enum", "$ref", "allOf", "anyOf", "oneOf")
    },
)
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or _DATE_TIME.fullmatch(value) is not None


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[a-z]+:\S+", value) is not None


def _escaped(text: str) -> str:
    return text.replace("~", "~0").replace("/", "~1")


def _is_name(segment: str) -> bool:
    return segment.startswith("{")


def _fits(template: list[str], segments: list[str]) -> bool:
    pairs = zip(template, segments, strict=True)
    return all(bool(text) if _is_name(name) else name == text for name, text in pairs)


def _decoded(text: str, kind: str) -> Any:
    """A parameter's text converted to its type; unconvertible text stays text and is reported."""
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text.split(",") if kind == "array" else text
