"""The product: the bot's rules, its loop, and its pages."""
