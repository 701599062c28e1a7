"""The asking side of the command queues: put a command on a worker's stream and wait for its answer.

Refuses to promise more than that: a command may be lost with the bus, and after a time-out it may still be carried
out, until it expires.
"""

from datetime import timedelta
from uuid import UUID

from hanfleet.bus import keys
from hanfleet.bus.codec import MalformedEntryError, Seal, decode_response, encode_command
from hanfleet.bus.connection import BLOCK_S, Bus, entries_of
from hanfleet.core.commands import Command, Response
from hanfleet.core.errors import CommandTimeoutError
from hanfleet.kit.identity import new_id

_KEPT_COMMANDS = 100


async def send_command(bus: Bus, bot_id: str, command: Command, *, timeout_s: float, seal: Seal | None) -> Response:
    """See ``IPCManager.send_command``."""
    command_id = new_id()
    expires_at = bus.clock.now() + timedelta(seconds=timeout_s)
    entry = encode_command(command_id, command, expires_at, seal)
    deadline = bus.clock.monotonic() + timeout_s
    replies = keys.replies(bot_id)
    with bus.guarded():
        async with bus.client.pipeline(transaction=True) as steps:
            # Where the replies stood before the command was there: the answer can only come after that.
            steps.xrevrange(replies, count=1)
            steps.xadd(keys.commands(bot_id), entry, maxlen=_KEPT_COMMANDS, approximate=True)
            newest, sent_as = await steps.execute()
    position = newest[0][0] if newest else "0-0"
    try:
        return await _answer(bus, replies, position, command_id, deadline)
    except TimeoutError:
        with bus.guarded():
            await bus.client.xdel(keys.commands(bot_id), sent_as)
        raise CommandTimeoutError(
            f"The worker of bot {bot_id} did not answer {command.type} within {timeout_s:g} s: "
            "look at its status, then try again."
        ) from None


async def _answer(bus: Bus, replies: str, after: str, command_id: UUID, deadline: float) -> Response:
    """Read on ``after`` that entry until the answer to ``command_id`` comes. Raises TimeoutError after ``deadline``."""
    while (left := deadline - bus.clock.monotonic()) > 0:
        with bus.guarded():
            # BLOCK 0 would wait for ever.
            block_ms = max(1, int(min(left, BLOCK_S) * 1000))
            found = await bus.client.xread({replies: after}, count=100, block=block_ms)
        for entry_id, fields in entries_of(found):
            after = entry_id
            try:
                response = decode_response(fields)
            except MalformedEntryError:
                continue
            if response.command_id == command_id:
                return response
    raise TimeoutError
