"""What is public in luggage.fake_github."""

import importlib
import inspect

import pytest

from luggage import fake_github


def test_the_front_door_names_what_is_public():
    """__all__ holds exactly what the package imports for its users, and all of it is documented."""
    imported = {
        name
        for name, value in vars(fake_github).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value) or name == "faults")
    }
    assert imported == set(fake_github.__all__)
    assert all(getattr(fake_github, name).__doc__ for name in fake_github.__all__)


def test_the_old_name_still_works():
    """luggage.github.testing has the same names, and says where they are now."""
    with pytest.warns(DeprecationWarning, match=r"luggage\.fake_github"):
        old = importlib.import_module("luggage.github.testing")
    assert old.FakeGithub is fake_github.FakeGithub
