"""People's actions: each function changes the world and returns the webhook event."""
