"""History: deliveries and their actions, read for people."""
