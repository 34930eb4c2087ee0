"""The settings files of organisations and repositories, and rules of one's own."""
