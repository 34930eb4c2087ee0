"""Preview: what changed settings would have done differently; nothing is performed."""
