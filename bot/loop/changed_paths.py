"""Cache of the paths that pull requests change, by the newest commit of each.

A list of 1,000 files takes ten requests. It changes with a push, not with a title or a label, and a
stranger may edit a title as often as they like.
"""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from bot.facts import MOST_FILES, PartialList
from bot.options.globs import LARGEST_PATHS

MOST_BYTES = 10_000_000
# What a list takes besides its texts: the entry, the key, and the list itself.
_ENTRY_BYTES = 500

#: Repository, number, head commit and base branch.
Key = tuple[str, int, str, str]


class ChangedPaths:
    """Lists of paths by pull request and commit, the least recently used ones dropped first.

    They take `most` bytes of memory at most. Threads may share it.
    """

    def __init__(self, *, most: int = MOST_BYTES) -> None:
        self._left = most
        self._lists: OrderedDict[Key, tuple[str, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, fetch: Callable[[], Sequence[str]]) -> Sequence[str]:
        """The paths of `key`, fetched if they are not cached; raises what `fetch` raises."""
        with self._lock:
            known = self._lists.get(key)
            if known is not None:
                self._lists.move_to_end(key)
                return known
        fetched = fetch()
        if isinstance(fetched, PartialList) and not _is_at_limit(fetched):
            return fetched  # GitHub's list may be longer in a moment.
        paths = fetched if isinstance(fetched, PartialList) else tuple(fetched)
        with self._lock:
            if key not in self._lists:  # Another thread may have fetched it meanwhile.
                self._lists[key] = paths
                self._left -= _size(key, paths)
            while self._left < 0:
                self._left += _size(*self._lists.popitem(last=False))
        return paths


def _is_at_limit(paths: Sequence[str]) -> bool:
    """Whether the bot itself has cut the list, and would do so again."""
    return len(paths) >= MOST_FILES or sum(len(path) + 1 for path in paths) > LARGEST_PATHS


def _size(key: Key, paths: tuple[str, ...]) -> int:
    """The bytes of memory that a list takes."""
    return _ENTRY_BYTES + sys.getsizeof(paths) + sum(map(sys.getsizeof, (*key, *paths)))
