"""Alembic history of the bot's own tables, which are defined in bot.store.tables."""
