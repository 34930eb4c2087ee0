"""Build error: one class, because callers can only print it."""


class BuildError(Exception):
    """A build step failed; the message names the step, the cause and the remedy."""
