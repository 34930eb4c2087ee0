"""Periodic tasks: each runs in one loop at a time, whatever the deliveries."""
