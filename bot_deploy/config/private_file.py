"""New file that only its owner can read: the one way in which secrets are written to a file.

Imports only the standard library.
"""

import os
from pathlib import Path

_MODE = 0o600
_DIRECTORY_MODE = 0o700


def make_private(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600, whole and on the disk; make its directories with 0700.

    Raises FileExistsError if there is one, which stays as it is, and OSError.
    """
    path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123  a handle
            os.fchmod(handle, _MODE)  # a umask only narrows it
            file.write(content)
            file.flush()
            os.fsync(handle)
    except BaseException:
        path.unlink()
        raise
