"""The history of the bot's own tables, for Alembic; the tables themselves are in bot.tables."""
