"""How long an end may take: three numbers that have to fit together.

Told to end, a child finishes what it holds within GRACE_SECONDS (gunicorn's graceful timeout, the
loop's grace) and needs a moment to leave. At KILL_SECONDS the supervisor kills it. So all is over
within 5 s, which is half of what `docker stop` waits before it kills.
"""

GRACE_SECONDS = 3.0
KILL_SECONDS = 4.0
