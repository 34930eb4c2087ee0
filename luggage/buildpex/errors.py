"""What can go wrong while packing: one class, because the caller's one reaction is to tell."""


class BuildError(Exception):
    """A step of the packing failed; the message names the step, the cause and the remedy."""
