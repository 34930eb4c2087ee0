"""Pages of the API reference: one for each module, with a section for each kind of name."""

import importlib
import inspect
from types import ModuleType

_SECTIONS = {
    "class": "Classes",
    "function": "Functions",
    "exception": "Exceptions",
    "data": "Types and constants",
}
# Methods of a base class belong to what the reader uses; those of the standard library do not.
_OF_CLASSES = """\
   :members:
   :inherited-members: Exception, object, str, tuple, Protocol, Generic, StrEnum
"""
_OPTIONS = {
    "class": _OF_CLASSES,
    "function": "",
    "exception": f"{_OF_CLASSES}   :show-inheritance:\n",
    "data": "   :no-value:\n",
}


def public(module: ModuleType) -> list[str]:
    """Return the public names of a module: its `__all__`, or else what it or a part of it defines.

    Submodules are left out: they have pages of their own.
    """
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and f"{getattr(value, '__module__', '')}.".startswith(f"{module.__name__}.")
    ]
    return [name for name in names if not inspect.ismodule(getattr(module, name))]


def api_page(name: str) -> str:
    """Return the reStructuredText of a module's page."""
    module = importlib.import_module(name)
    lines = [name, "=" * len(name), "", ".. highlight:: python", "", f".. automodule:: {name}", ""]
    for kind, title in _SECTIONS.items():
        members = [member for member in public(module) if _kind(getattr(module, member)) == kind]
        if members:
            lines += [title, "-" * len(title), ""]
            lines += [f".. auto{kind}:: {name}.{member}\n{_OPTIONS[kind]}" for member in members]
    return "\n".join(lines)


def _kind(value: object) -> str:
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if inspect.isroutine(value) else "data"
