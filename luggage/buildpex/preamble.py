# ruff: noqa: ANN001, ANN201, D400, PLR2004, PTH103, PTH106, PTH111, PTH112, PTH118, PTH102, PTH119
# ruff: noqa: UP024, UP031
# Read by whatever Python somebody has, so it is written for all of them, Python 2 as well.
"""The first lines of the pex: is this the right Python, and where can it be unpacked?

This source is put before pex's own, with PYTHON, SUFFIX and PLACE set. pex answers a wrong Python
with a page, and a read-only home with a warning and a new unpacking at each start; here it is one
line, and one place.
"""

import os
import sys
import tempfile

# What this file is called now, which is not known when it is made.
NAME = os.path.basename(sys.argv[0])
PYTHON = (3, 0)
# What the names of compiled modules end with: implementation, version, machine and C library.
SUFFIX = ""
# What a directory for temporary files is called, with the user's number after it.
PLACE = "pex"
_NO_PROGRAMS = 8  # ST_NOEXEC, which Python knows on Linux only


def wrong_python(version, suffixes):
    # type: (tuple[int, ...], list[str]) -> str
    """Return the line for a Python that this pex was not built for, or an empty one."""
    wanted = ".".join(map(str, PYTHON))
    if tuple(version[:2]) != PYTHON:
        started = ".".join(map(str, version[:3]))
        return "%s: needs Python %s and was started by %s: run `python%s %s ...`" % (
            NAME,
            wanted,
            started,
            wanted,
            NAME,
        )
    if SUFFIX and SUFFIX not in suffixes:
        this = " ".join(suffixes[:1])
        return "%s: built for %s, and this is %s: build it here, with mkpex" % (NAME, SUFFIX, this)
    return ""


def usable(place):
    # type: (str) -> bool
    """Say whether compiled modules can be put into a directory; it is made if it is not there."""
    try:
        if not os.path.isdir(place):
            os.makedirs(place)
        os.rmdir(tempfile.mkdtemp(dir=place))
        return not os.statvfs(place).f_flag & _NO_PROGRAMS
    except OSError:
        return False


def other_place(user):
    # type: (int) -> tuple[str, bool]
    """Return a directory for temporary files that is this user's alone, and whether it is new.

    It has always the same name, so that the next start finds it unpacked. Somebody else may have
    made one of that name, to have us run their code: then it is a fresh one.
    """
    place = os.path.join(tempfile.gettempdir(), "%s-%s" % (PLACE, user))
    try:
        os.mkdir(place, 0o700)
    except OSError:
        found = os.lstat(place)
        private = (found.st_mode & 0o170077) == 0o040000  # a directory, and nobody else's
        if found.st_uid == user and private:
            return place, False
        return tempfile.mkdtemp(prefix=PLACE + "-"), True
    return place, True


def usual_place(environ):
    # type: (dict[str, str]) -> str
    """Return where pex unpacks itself when it is not told otherwise."""
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return environ.get("PEX_ROOT") or os.path.join(cache, "pex")


def choose_place(environ, user):
    # type: (dict[str, str], int) -> str
    """Set PEX_ROOT where the usual place cannot be used; return a line about it if it is news.

    Raises SystemExit with a line when there is no place at all.
    """
    place = usual_place(environ)
    environ["PEX_ROOT"] = place  # an empty one would be the current directory
    if usable(place):
        return ""
    try:
        other, new = other_place(user)
    except (IOError, OSError):
        other, new = "", False
    if not (other and usable(other)):
        raise SystemExit(
            "%s: no place to unpack: make %s writable, or set PEX_ROOT to a directory that is, "
            "and that programs may run from" % (NAME, place)
        )
    environ["PEX_ROOT"] = other
    line = "%s: %s cannot be used, unpacking into %s, which PEX_ROOT can change"
    return line % (NAME, place, other) if new else ""
