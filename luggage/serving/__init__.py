"""WSGI app behind an event loop: no client can block another, and a response may come later.

`Dispatcher` has a WSGI app answer the requests of an event loop. `DeferredResponse` is a response
that waits for a future. `worker` has gunicorn's worker class for a dispatcher.
"""

from luggage.serving.dispatcher import DeferredResponse, Dispatcher

__all__ = ["DeferredResponse", "Dispatcher"]
