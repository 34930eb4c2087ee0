"""luggage.serving.descriptors: connections follow from the limit of open files."""

import resource

import pytest

from luggage.serving import descriptors

ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (256, 1024, 1024),
        (1024, 1024, 1024),
        (1024, 1_048_576, descriptors.WANTED),
        (1024, ENDLESS, descriptors.WANTED),
        (65_536, 1_048_576, 65_536),
        (ENDLESS, ENDLESS, descriptors.WANTED),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_needed(soft, hard, expected, monkeypatch):
    """It is never lowered, and never set higher than the hard limit."""
    put = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: put.append(limits))
    assert descriptors.raise_limit() == descriptors.limit() == expected
    assert put == ([(expected, hard)] if soft != ENDLESS and soft < expected else [])


def test_a_limit_that_may_not_be_raised_stays(monkeypatch):
    """A sandbox may forbid the call; the connections then follow from the soft limit."""

    def forbid(*_):
        raise PermissionError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    monkeypatch.setattr(resource, "setrlimit", forbid)
    assert descriptors.raise_limit() == 256


@pytest.mark.parametrize(
    ("files", "connections"), [(64, 32), (256, 128), (1024, 768), (2256, 2000), (65_536, 2000)]
)
def test_connections_leave_files_for_the_rest(files, connections):
    """A part is reserved for the database and for calls to GitHub."""
    assert descriptors.most_connections(files) == connections
