"""Messages of a Telegram bot: https://core.telegram.org/bots/api"""
