"""Infrastructure: knows GitHub, queues and processes; has never heard of the bot."""
