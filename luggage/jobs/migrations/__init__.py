"""Migrations of the queue's tables, in numerical order."""
