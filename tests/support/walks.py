"""Walks: the files of the three layers that a call passes."""

import sys
import threading
from contextlib import contextmanager
from pathlib import Path

ROOT = f"{Path(__file__).parents[2]}/"
LAYERS = tuple(f"{ROOT}{layer}/" for layer in ("bot", "luggage", "bot_deploy"))


@contextmanager
def passed(below=None):
    """Collect the files whose functions run, also in new threads; only those below a function."""
    files = set()

    def note(frame, event, _):
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(LAYERS) and (below is None or _is_below(frame)):
            files.add(name.removeprefix(ROOT))

    def _is_below(frame):
        while frame is not None and frame.f_code.co_name != below:
            frame = frame.f_back
        return frame is not None

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
