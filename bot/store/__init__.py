"""Store: the bot's tables and migrations, and the data kept in them."""
