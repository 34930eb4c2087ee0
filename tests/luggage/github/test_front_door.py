"""Tests of the public names of `luggage.github`."""

import types

import luggage.github


def test_front_door_lists_what_it_imports() -> None:
    """`__all__` lists exactly the imported names."""
    public = {
        name
        for name, value in vars(luggage.github).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public == set(luggage.github.__all__)


def test_all_errors_are_at_the_front_door() -> None:
    """Every exception is a public name."""
    errors = {
        name
        for name, value in vars(luggage.github.errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert errors <= set(luggage.github.__all__)


def test_all_public_names_are_described() -> None:
    """Every public name has its own docstring."""
    assert [n for n in luggage.github.__all__ if not getattr(luggage.github, n).__doc__] == []
