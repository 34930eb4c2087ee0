"""What a setting may be, and where it stands in its file; nothing here knows a rule."""
