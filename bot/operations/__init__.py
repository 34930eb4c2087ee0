"""Operators' questions: history, why, replay, preview, doctor."""
