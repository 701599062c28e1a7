"""The reference for reply latency: the shortest Telethon script that answers, as a process of its own.

It keeps no state, asks no model and repeats what it read, like a first bot out of a tutorial.
Usage: ``python -m hanfleet.sandbox.bare_echo SANDBOX_JSON`` with the bot token as the first line of standard input.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.events.newmessage import NewMessage
from telethon.sessions.memory import MemorySession

# Telethon carries no types; these names stand where strict checking would ask for them.
_add_key: Any = rsa.add_key
_new_client: Any = TelegramClient
_new_session: Any = MemorySession
_new_message: Any = NewMessage


async def echo_forever(info: Mapping[str, Any], token: str) -> None:
    """Answer every message with its own text until cancelled."""
    _add_key(info["public_key_pem"], old=False)
    session = _new_session()
    session.set_dc(info["dc_id"], info["address"], info["port"])
    client = _new_client(session, 1, "bare")
    await client.start(bot_token=token)

    async def answer(event: Any) -> None:
        await event.respond(event.raw_text)

    client.add_event_handler(answer, _new_message(incoming=True))
    print("ready", flush=True)  # noqa: T201 - whoever measures waits for this line
    await client.run_until_disconnected()


if __name__ == "__main__":
    asyncio.run(echo_forever(json.loads(Path(sys.argv[1]).read_text()), sys.stdin.readline().strip()))
