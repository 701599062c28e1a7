"""Several simulated contacts at once, with one mint of nonces, from their first log-in to the last reading."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from hanfleet.kit.clock import Clock
from hanfleet.sandbox.contacts.ledger import Ledger
from hanfleet.sandbox.contacts.pacing import DEMO, Pacing
from hanfleet.sandbox.contacts.persons import Person
from hanfleet.sandbox.contacts.simulator import ContactSimulator, SaidLine
from hanfleet.sandbox.llm.nonces import NonceMint


@dataclass(frozen=True)
class Meeting:
    """Who writes to whom. ``target`` is the bot's username or Telegram user id, ``bot`` its name in the verdict."""

    person: Person
    target: str | int
    bot: str


class Crowd:
    """Contacts who start chatting when the context is entered and hang up when it is left.

    Entering raises an ExceptionGroup when contacts cannot begin, for instance since their bot does not exist.
    """

    def __init__(
        self,
        info: Mapping[str, Any],
        meetings: Sequence[Meeting],
        *,
        rng: random.Random,
        clock: Clock,
        pacing: Pacing = DEMO,
        mint: NonceMint | None = None,
        on_line: Callable[[SaidLine], None] | None = None,
    ) -> None:
        mint = mint or NonceMint(rng)
        self.contacts: Sequence[ContactSimulator] = [
            ContactSimulator(
                info,
                meeting.person,
                meeting.target,
                bot=meeting.bot,
                mint=mint,
                rng=random.Random(rng.getrandbits(64)),  # noqa: S311 — chances of a play, no secret
                clock=clock,
                pacing=pacing,
                on_line=on_line,
            )
            for meeting in meetings
        ]
        self._runs: list[asyncio.Task[None]] = []

    @property
    def sent(self) -> int:
        """Messages that were surely sent so far."""
        return sum(contact.sent for contact in self.contacts)

    @property
    def replies(self) -> int:
        """Messages of bots that arrived so far."""
        return sum(contact.replies for contact in self.contacts)

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.TaskGroup() as starts:
                for contact in self.contacts:
                    starts.create_task(contact.start())
        except BaseException:
            # Also on cancellation: nobody would call the exit of a context that was never entered.
            await self._close()
            raise
        self._runs = [asyncio.create_task(contact.run()) for contact in self.contacts]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def finish(self, within: float = 10.0, settle: float = 1.0) -> tuple[Ledger, ...]:
        """Stop sending, collect (see ContactSimulator.collect), and give everybody's evidence."""
        await asyncio.gather(*(contact.stop_sending() for contact in self.contacts))
        await asyncio.gather(*self._runs)
        return tuple(await asyncio.gather(*(contact.collect(within, settle) for contact in self.contacts)))

    async def _close(self) -> None:
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        await asyncio.gather(*(contact.close() for contact in self.contacts))
