"""How long both databases are waited for."""

# How long a transaction waits for another one's lock before it gives up, in seconds: GitHub hangs
# up after ten, and has to hear by then that its delivery could not be stored.
BUSY_SECONDS = 7.0
