"""Tools for operators: history, why, replay, preview, doctor."""
