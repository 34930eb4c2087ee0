"""WSGI app behind an event loop: no client can block another, and a response may come later.

`Dispatcher` has a WSGI app answer the requests of an event loop. `DeferredResponse` is a response
that waits for a future. `TrustedProxies` may say who the client is. `worker` has gunicorn's worker
class for a dispatcher, and `descriptors` tells how many connections it may hold.
"""

from luggage.serving.dispatcher import DeferredResponse, Dispatcher, ServingLimits
from luggage.serving.proxies import TrustedProxies

__all__ = ["DeferredResponse", "Dispatcher", "ServingLimits", "TrustedProxies"]
