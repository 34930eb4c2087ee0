"""How actions other than comments and reactions are performed; `bot.perform` leads here."""
