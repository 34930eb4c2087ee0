"""What the pages are made of; `bot.web` and `bot.console` lead to them."""
