"""Telegram through Telethon: the product's only door to it, pinned exactly, since the client leans on private names."""
