"""Tests of the public names of luggage.fake_github."""

import importlib
import inspect

import pytest

from luggage import fake_github


def test_all_lists_the_public_names():
    """`__all__` lists exactly the imported names, and all are documented."""
    imported = {
        name
        for name, value in vars(fake_github).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value) or name == "faults")
    }
    assert imported == set(fake_github.__all__)
    assert all(getattr(fake_github, name).__doc__ for name in fake_github.__all__)


def test_the_old_name_still_works():
    """luggage.github.testing has the same names and warns about the new module."""
    with pytest.warns(DeprecationWarning, match=r"luggage\.fake_github"):
        old = importlib.import_module("luggage.github.testing")
    assert old.FakeGithub is fake_github.FakeGithub
