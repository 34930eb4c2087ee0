"""A WSGI app behind an event loop: no client can hold up another, and an answer may come later.

`Front` has a WSGI app answer the requests of an event loop, `Undecided` is an answer that waits for
a future, and `worker` has the class with which gunicorn serves a front.
"""

from luggage.serving.deferred import DeferredResponse
from luggage.serving.dispatcher import Dispatcher

__all__ = ["DeferredResponse", "Dispatcher"]
