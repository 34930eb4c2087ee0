# ruff: noqa: ANN001, ANN201, PLR2004, PTH103, PTH106, PTH111, PTH112, PTH118, PTH102, PTH119
# ruff: noqa: PTH110, UP024, UP031
# Any Python may run this, so it is written for all versions, Python 2 included.
"""Preamble of the pex: checks the Python, and chooses a directory to unpack into.

This source runs before pex's own, with PYTHON, SUFFIX and TEMP_NAME set. pex itself prints a page
about a wrong Python, unpacks again at each start when the home directory is read-only, and cannot
start itself again without a PATH.
"""

import os
import sys
import tempfile

# The current file name, which is not known at build time.
NAME = os.path.basename(sys.argv[0])
PYTHON = (3, 0)
# The ending of compiled modules: implementation, version, machine and C library.
SUFFIX = ""
# The name of the temporary directory; the user's id follows it.
TEMP_NAME = "pex"
_NO_EXEC = 8  # ST_NOEXEC, which Python defines on Linux only


def wrong_python(version, suffixes):
    # type: (tuple[int, ...], list[str]) -> str
    """Return an error for a Python that this pex was not built for, or an empty string."""
    needed = ".".join(map(str, PYTHON))
    if tuple(version[:2]) != PYTHON:
        actual = ".".join(map(str, version[:3]))
        return "%s: needs Python %s but was started with %s: run `python%s %s ...`" % (
            NAME,
            needed,
            actual,
            needed,
            NAME,
        )
    if SUFFIX and SUFFIX not in suffixes:
        actual = " ".join(suffixes[:1])
        return "%s: built for %s, but this is %s: build it here with mkpex" % (NAME, SUFFIX, actual)
    return ""


def own_python(executable):
    # type: (str) -> str
    """Return the path of this Python, which it does not know if there is no PATH; pex needs it.

    Raises SystemExit if it cannot be found.
    """
    if executable:
        return executable
    if os.path.exists("/proc/self/exe"):
        return os.path.realpath("/proc/self/exe")
    name = "python%d.%d" % sys.version_info[:2]
    places = [os.path.join(place, name) for place in os.defpath.split(os.pathsep) if place]
    found = [place for place in places if os.access(place, os.X_OK)]
    if not found:
        raise SystemExit("%s: no PATH is set: run `/PATH/TO/%s %s ...`" % (NAME, name, NAME))
    return found[0]


def usable(directory):
    # type: (str) -> bool
    """Return whether compiled modules can be stored in and loaded from a directory; make it."""
    try:
        if not os.path.isdir(directory):
            os.makedirs(directory)
        os.rmdir(tempfile.mkdtemp(dir=directory))
        return not os.statvfs(directory).f_flag & _NO_EXEC
    except OSError:
        return False


def temp_root(user):
    # type: (int) -> tuple[str, bool]
    """Return a private temporary directory of this user, and whether it is new.

    Its name is always the same, so that the next start finds it unpacked. If another user could
    have made or changed it, to have us run their code, the name is random.
    """
    directory = os.path.join(tempfile.gettempdir(), "%s-%s" % (TEMP_NAME, user))
    try:
        os.mkdir(directory, 0o700)
    except OSError:
        status = os.lstat(directory)
        private = (status.st_mode & 0o170077) == 0o040000  # a directory, without access for others
        if status.st_uid == user and private:
            return directory, False
        return tempfile.mkdtemp(prefix=TEMP_NAME + "-"), True
    return directory, True


def default_root(environ):
    # type: (dict[str, str]) -> str
    """Return the directory that pex uses by default."""
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return environ.get("PEX_ROOT") or os.path.join(cache, "pex")


def choose_root(environ, user):
    # type: (dict[str, str], int) -> str
    """Set PEX_ROOT to a usable directory, or raise SystemExit; return a warning if it is new."""
    root = default_root(environ)
    environ["PEX_ROOT"] = root  # an empty one would be the current directory
    if usable(root):
        return ""
    try:
        other, new = temp_root(user)
    except (IOError, OSError):
        other, new = "", False
    if not (other and usable(other)):
        raise SystemExit(
            "%s: no directory to unpack into: make %s writable, or set PEX_ROOT to a writable "
            "directory that programs may run from" % (NAME, root)
        )
    environ["PEX_ROOT"] = other
    line = "%s: %s cannot be used; unpacking into %s (set PEX_ROOT to choose another directory)"
    return line % (NAME, root, other) if new else ""
