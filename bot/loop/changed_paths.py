"""Cache of the paths that pull requests change, by the newest commit of each.

A list of 1,000 files takes ten requests. It changes with a push, not with a title or a label, and a
stranger may edit a title as often as they like.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

# Paths of about a hundred bytes: ten megabytes.
MOST_CACHED = 100_000

#: Repository, number, head commit and base branch.
Key = tuple[str, int, str, str]


class ChangedPaths:
    """Lists of paths by pull request and commit, the least recently used ones dropped first.

    Threads may share it.
    """

    def __init__(self, *, most: int = MOST_CACHED) -> None:
        self._most = most
        self._lists: OrderedDict[Key, Sequence[str]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, fetch: Callable[[], Sequence[str]]) -> Sequence[str]:
        """The paths of `key`, fetched if they are not cached; raises what `fetch` raises."""
        with self._lock:
            known = self._lists.get(key)
            if known is not None:
                self._lists.move_to_end(key)
                return known
        paths = tuple(fetch())
        with self._lock:
            self._lists[key] = paths
            while len(self._lists) > 1 and sum(map(len, self._lists.values())) > self._most:
                self._lists.popitem(last=False)
        return paths
