"""Shutdown timeouts, which have to fit together.

A child that gets SIGTERM finishes its work within SHUTDOWN_TIMEOUT_SECONDS (gunicorn's graceful
timeout, the loop's shutdown timeout) and then exits. The supervisor kills it after KILL_SECONDS. So
everything ends within 5 s; `docker stop` kills after 10.
"""

SHUTDOWN_TIMEOUT_SECONDS = 3.0
KILL_SECONDS = 4.0
