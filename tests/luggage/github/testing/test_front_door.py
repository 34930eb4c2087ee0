"""What is public in luggage.github.testing."""

import inspect

from luggage.github import testing


def test_the_front_door_names_what_is_public():
    """__all__ holds exactly what the package imports for its users, and all of it is documented."""
    imported = {
        name
        for name, value in vars(testing).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value) or name == "faults")
    }
    assert imported == set(testing.__all__)
    assert all(getattr(testing, name).__doc__ for name in testing.__all__)
