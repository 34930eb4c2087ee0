"""luggage.jobs: its public names are those of `__all__`."""

import luggage.jobs
from luggage.jobs import Postpone, Queue, Retry


def test_every_public_name_is_there_and_has_a_docstring():
    """Each name of `__all__` exists and has a docstring."""
    undocumented = [
        name
        for name in luggage.jobs.__all__
        if name not in {"AWAY", "MIGRATIONS", "Handler", "Outcome", "metadata"}
        and not getattr(luggage.jobs, name).__doc__
    ]
    assert undocumented == []


def test_every_public_method_has_a_docstring():
    """Every public method of the queue has a docstring."""
    names = [name for name in dir(Queue) if not name.startswith("_")]
    assert [name for name in names if not getattr(Queue, name).__doc__] == []


def test_orders_say_their_reason():
    """An uncaught Postpone, Retry or Dead shows its reason in the traceback."""
    assert (str(Retry("failed")), str(Postpone(1.0, "limit"))) == ("failed", "limit")
