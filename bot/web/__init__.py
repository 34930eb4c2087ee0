"""Web process: webhook, status page, console, sign-in, metrics, registration."""
