"""Errors of the web process: a page for clients that prefer HTML, JSON for all others."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from flask import Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

_JSON, _HTML = "application/json", "text/html"
_NONE: Mapping[str, str] = MappingProxyType({})


def problem(
    status: int, message: str, headers: Mapping[str, str] = _NONE, *, usual: str = _JSON
) -> Response:
    """The response for an error: a page for a browser, `{"error": ...}` for a program.

    `usual` is the type for clients that accept both alike.
    """
    offered = sorted([_JSON, _HTML], key=lambda each: each != usual)
    if (request.accept_mimetypes.best_match(offered) or usual) == _HTML:
        page = render_template("bot/error.html", code=status, title=_title(status), message=message)
        response = Response(page, mimetype=_HTML)
    else:
        response = jsonify(error=message)
    response.status_code = status
    response.headers.update(headers)
    response.vary.add("Accept")
    return response


def page_problem(status: int, message: str, headers: Mapping[str, str] = _NONE) -> Response:
    """The same for the addresses of people: JSON only for clients that prefer it."""
    return problem(status, message, headers, usual=_HTML)


def refused(error: HTTPException) -> Response:
    """The response for an error that Flask raised itself (404, 405, 500, ...)."""
    allowed = error.get_response().headers.get("Allow")
    headers = _NONE if allowed is None else {"Allow": allowed}
    return problem(error.code or 500, error.description or error.name, headers)


def _title(status: int) -> str:
    """The phrase of a status, such as "Not Found"."""
    known = {each.value: each.phrase for each in HTTPStatus}
    return known.get(status, "Error")
