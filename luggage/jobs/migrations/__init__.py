"""The migrations of the queue's tables, one file each, in the order of their numbers."""
