"""Lock timeout of both databases."""

# How long a transaction waits for a lock. GitHub closes a connection after ten seconds, and must
# get its 503 before that.
LOCK_TIMEOUT_SECONDS = 7.0
