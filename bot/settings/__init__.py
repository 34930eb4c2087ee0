"""Settings files of organisations and repositories, and the validation of custom rules."""
