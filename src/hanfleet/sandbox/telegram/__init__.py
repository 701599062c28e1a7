"""An offline Telegram: an MTProto 2.0 server on Telethon's TL layer, with people, bots and their private chats.

It refuses what it does not have (groups, media, sign-up) with Telegram's own errors and logs each such request.
"""
