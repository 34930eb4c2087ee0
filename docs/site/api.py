"""API reference: the public names of a module, their docstrings, and the markup in these.

Docstrings are prose with names in single backticks. A backticked name that is documented becomes a
link, anything else stays code.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from docs.site.api_pages import public
from docs.site.navigation import MODULES

_log = logging.getLogger(__name__)
# The packages that the documented modules belong to.
_OURS = {module.split(".")[0] for module in MODULES}
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Code(SphinxRole):
    """Markup of `code` in a docstring: a link where it is a documented name."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the code, in a reference that may resolve."""
        code = nodes.literal(self.rawtext, self.text, classes=["xref", "py"])
        if not _NAME.fullmatch(self.text):
            return [code], []
        link = addnodes.pending_xref(
            "", code, refdomain="py", reftype="obj", reftarget=self.text, refwarn=False
        )
        link["refdoc"] = self.env.docname
        link["py:module"] = self.env.ref_context.get("py:module")
        link["py:class"] = self.env.ref_context.get("py:class")
        return [link], []


def undocumented(module: ModuleType) -> Iterator[str]:
    """Yield each public name without a docstring: `Queue.put`, `EVENTS`."""
    for name in public(module):
        value = getattr(module, name)
        if inspect.isclass(value):
            yield from _undocumented_in(name, value)
        elif not (_is_routine(value) and inspect.getdoc(value)) and not comment(module, name):
            yield name


def comment(module: ModuleType, name: str) -> list[str]:
    """Return the `#:` comment above a constant, also where it comes from another module."""
    analyzer = ModuleAnalyzer.for_module(module.__name__)
    found = analyzer.find_attr_docs().get(("", name))
    if found:
        return list(found)
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and any(name == alias.name for alias in node.names):
            return comment(importlib.import_module(str(node.module)), name)
    return []


def _undocumented_in(name: str, cls: type) -> Iterator[str]:
    if not vars(cls).get("__doc__") or _is_generated(cls):
        yield name
    for member, value in inspect.getmembers(cls):
        if member.startswith("_") or not _is_ours(getattr(cls, "__mro__", ()), member):
            continue
        if (_is_routine(value) or isinstance(value, property)) and not inspect.getdoc(value):
            yield f"{name}.{member}"


def _is_generated(cls: type) -> bool:
    """Whether the docstring is the one that @dataclass makes up."""
    return str(cls.__doc__).startswith(f"{cls.__name__}(")


def _is_routine(value: object) -> bool:
    return inspect.isroutine(value)


def _is_ours(bases: tuple[type, ...], member: str) -> bool:
    """Whether a member was written here, not in the standard library or a dependency."""
    owner = next((base for base in bases if member in vars(base)), object)
    return owner.__module__.split(".")[0] in _OURS


def _describe_constants(
    _app: Sphinx, what: str, name: str, _value: Any, _options: Any, lines: list[str]
) -> None:
    """Use the `#:` comment of a constant; the docstring of its type says nothing about it."""
    module = next((m for m in MODULES if name.rpartition(".")[0] == m), None)
    if what in {"data", "type"} and module is not None:
        lines[:] = comment(importlib.import_module(module), name.rpartition(".")[2])


def _leave_out_fields(
    _app: Sphinx, _what: str, _name: str, value: Any, _skip: Any, _options: Any
) -> bool | None:
    """Skip the fields of a named tuple, which its signature shows already."""
    return True if str(getattr(value, "__doc__", "")).startswith("Alias for field") else None


def _check(_app: Sphinx, env: BuildEnvironment) -> None:
    """Warn about each public name that has no docstring or is not on its page."""
    documented = {name for name, *_ in env.get_domain("py").get_objects()}
    for name in MODULES:
        module = importlib.import_module(name)
        for missing in undocumented(module):
            _log.warning("%s.%s has no docstring", name, missing, type="api")
        for public_name in public(module):
            if f"{name}.{public_name}" not in documented:
                _log.warning("%s.%s is not on the page api/%s", name, public_name, name, type="api")


def setup(app: Sphinx) -> None:
    """Add the role, the constants' comments and the checks to a build."""
    app.add_role("code-or-name", Code())
    app.connect("autodoc-process-docstring", _describe_constants)
    app.connect("autodoc-skip-member", _leave_out_fields)
    app.connect("env-check-consistency", _check)
