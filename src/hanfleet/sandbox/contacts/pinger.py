"""One contact who measures: sends a line, waits for the reply that carries its nonce, tells how long it took."""

import asyncio
import random
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from hanfleet.kit.clock import Clock
from hanfleet.sandbox.contacts.chat import Chat
from hanfleet.sandbox.contacts.desk import Desk
from hanfleet.sandbox.contacts.line import Line
from hanfleet.sandbox.llm.nonces import NonceMint, find_nonces


class NoReplyError(Exception):
    """The bot did not answer in time; its log says why."""


class Pinger:
    """A log-in of its own in the sandbox; enter it, then ``ping`` as often as you like, one ping at a time."""

    def __init__(self, info: Mapping[str, Any], account_id: int, *, clock: Clock, rng: random.Random) -> None:
        self._info = info
        self._account_id = account_id
        self._clock = clock
        self._rng = rng
        self._mint = NonceMint(rng)
        self._awaited: dict[str, asyncio.Future[float]] = {}

    async def __aenter__(self) -> Self:
        self._desk = Desk(self._info)
        account = await self._desk.create_person("Stopwatch", "en")
        self._line = Line(self._desk.address, account.phone, self._desk, self._clock, self._arrived)
        self._chat = Chat(
            self._line, await self._line.resolve(await self._desk.handle_of(self._account_id)), self._clock
        )
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._line.close()
        await self._desk.close()

    async def ping(self, *, within_s: float = 15.0) -> tuple[str, float]:
        """Send one message; gives its nonce and the seconds from send to reply. Raises NoReplyError."""
        nonce = self._mint.make()
        arrival: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._awaited[nonce] = arrival
        began = self._clock.monotonic()
        await self._chat.send(f"How long does this take? {nonce}", self._rng.randrange(1, 2**63), lambda: False)
        try:
            async with asyncio.timeout(within_s):
                return nonce, await arrival - began
        except TimeoutError:
            raise NoReplyError(f"no reply to {nonce} within {within_s:g} s") from None
        finally:
            del self._awaited[nonce]

    def _arrived(self, message: Any) -> None:
        now = self._clock.monotonic()
        for nonce in find_nonces(message.message or ""):
            arrival = self._awaited.get(nonce)
            if arrival is not None and not arrival.done():
                arrival.set_result(now)
