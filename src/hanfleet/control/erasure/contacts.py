"""What operators do with contacts: look at them, hand out all that is held about one, erase one everywhere.

An erasure goes in steps, each of which may be repeated: written down (table ``erasures``), into the ledger and out of
the tables in one transaction, off the bus. Whoever dies in between is followed by `finish_pending`, which knows the
contact again by its mark. The worker is replaced by a fresh one, so its memory goes, too.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from hanfleet.bus import IPCManager
from hanfleet.control.erasure.backups import backups_that_hold
from hanfleet.control.erasure.exporting import export_document
from hanfleet.control.erasure.keeping import forget_kept, kept_of_chat
from hanfleet.control.sealing import BotSafe
from hanfleet.control.views import ContactInfo, Erasure
from hanfleet.core.errors import BusUnavailableError, NotFoundError, TemporaryError
from hanfleet.core.events import BotRestartRequested
from hanfleet.core.states import BotState, DesiredState
from hanfleet.kit.clock import Clock
from hanfleet.store.erasures import ErasureKind, Found, PendingErasure
from hanfleet.store.ledger import Entry, Ledger
from hanfleet.store.principals import OperatorPrincipal
from hanfleet.store.records import BotRow
from hanfleet.store.session import Store, Transaction

T = TypeVar("T")
_PATIENCE_S = 5.0
_LOOK_EVERY_S = 15.0
_ALIVE = (BotState.STARTING, BotState.RUNNING, BotState.STOPPING)

#: Gives a bot's row, or raises NotFoundError.
Look = Callable[[Transaction, str], Awaitable[BotRow]]


class Contacts:
    """The contacts of all bots. Every method raises NotFoundError for what is not there, and StoreUnavailableError."""

    def __init__(
        self,
        store: Store,
        ipc: IPCManager,
        safe: BotSafe,
        ledger: Ledger,
        principal: OperatorPrincipal,
        look: Look,
        *,
        backups_kept: timedelta,
    ) -> None:
        self._store = store
        self._ipc = ipc
        self._safe = safe
        self._ledger = ledger
        self._principal = principal
        self._look = look
        self._backups_kept = backups_kept

    async def list(self, bot_id: str, *, after: int | None = None, limit: int = 100) -> list[ContactInfo]:
        """Contacts by chat id, those behind ``after``."""

        async def look(tx: Transaction) -> list[ContactInfo]:
            await self._look(tx, bot_id)
            return [ContactInfo.of(row) for row in await tx.contacts.list(bot_id, after=after, limit=limit)]

        return await self._run(look)

    async def export(self, bot_id: str, chat_id: int) -> AsyncGenerator[str, None]:
        """Everything that is held about the contact, opened, as one JSON document in pieces.

        What is refused is refused before the first one. A connection to the database is held until the last one is
        taken or the generator closed; and who stops taking them for a minute gets StoreUnavailableError.
        """

        async def look(tx: Transaction) -> list[Any]:
            await self._look(tx, bot_id)
            return await kept_of_chat(tx, bot_id, chat_id)

        # In a transaction of its own, since it locks out whoever erases another contact.
        kept = await self._run(look)
        async with self._store.transaction(self._principal) as tx:
            bot = await self._look(tx, bot_id)
            found = False
            async for piece in export_document(tx, bot, chat_id, await self._safe.opener(tx, bot_id), kept):
                found = True
                yield piece
        if not found:
            raise NotFoundError(_nobody(bot_id, chat_id))

    async def erase(self, bot_id: str, chat_id: int) -> Erasure:
        """Erase the contact everywhere; ``complete`` False: the bus is away, and the rest is done when it is back."""
        mark = self._ledger.contact_mark(bot_id, chat_id)

        async def ask(tx: Transaction) -> None:
            await self._look(tx, bot_id)
            found = await _find(tx, bot_id, chat_id)
            if found is None and not await tx.erasures.pending(mark):
                raise NotFoundError(_nobody(bot_id, chat_id))
            await tx.erasures.ask(ErasureKind.CONTACT, bot_id, mark, found.contact_id if found else None)

        await self._run(ask)
        erased = await self._run(lambda tx: self._erase_rows(tx, bot_id, chat_id, mark))
        complete = await self._leave_bus(bot_id, mark)
        left = await asyncio.to_thread(backups_that_hold, self._ledger.path.parent, self._backups_kept)
        return Erasure(
            bot_id=bot_id,
            erased=erased,
            complete=complete,
            backups_until=left.until,
            backups_by_hand=list(left.by_hand),
        )

    async def ask_for_bot(self, tx: Transaction, bot: BotRow) -> None:
        """In the transaction that marks a bot as erased: who asked, and in the ledger, so that it stays erased."""
        mark = self._ledger.bot_mark(bot.bot_id)
        await tx.erasures.ask(ErasureKind.BOT, bot.bot_id, mark)
        await self._remember(tx, mark, bot.created_at)

    async def keep_finishing(self, clock: Clock) -> None:
        """Finish what was begun, now and whenever there is something; cancel it to stop."""
        while True:
            with suppress(TemporaryError):  # database or bus are away; both are waited for
                await self.finish_pending()
            await clock.sleep(_LOOK_EVERY_S)

    async def finish_pending(self) -> int:
        """Carry on with every erasure that is not done; gives how many are done now. Raises TemporaryError."""
        done = 0
        for erasure in await self._run(lambda tx: tx.erasures.pending()):
            if erasure.kind is ErasureKind.BOT:
                done += await self._finish_bot(erasure)
                continue
            if erasure.rows_gone_at is None:
                await self._run(lambda tx, erasure=erasure: self._find_and_erase(tx, erasure))  # type: ignore[misc] # mypy takes no default in a lambda
            done += await self._leave_bus(erasure.bot_id, erasure.mark)
        return done

    async def _erase_rows(self, tx: Transaction, bot_id: str, chat_id: int, mark: bytes) -> dict[str, int]:
        """Ledger first, commit last: whom a crash leaves in the database, the ledger and the record still name."""
        found = await _find(tx, bot_id, chat_id)
        if found is not None:
            await tx.erasures.ask(ErasureKind.CONTACT, bot_id, mark, found.contact_id)
        (erasure,) = await tx.erasures.pending(mark) or (None,)
        if found is None or erasure is None:
            # The answer to the commit was lost, or another one was quicker.
            return erasure.counts if erasure else {}
        await self._remember(tx, mark, found.met_at)
        kept = await forget_kept(tx, bot_id, chat_id)
        counts = await tx.erasures.erase(bot_id, chat_id, mark)
        await self._renew_worker(tx, bot_id)
        return counts | ({"imports": kept} if kept else {})

    async def _remember(self, tx: Transaction, mark: bytes, since: datetime | None) -> None:
        """Into the ledger, for all that was there when it was asked for.

        ``since`` when the one that goes is there may be older: what an import or a restore put in its place before, and
        a backup holds, counts from another time.
        """
        (erasure,) = await tx.erasures.pending(mark)
        until = max(since or erasure.requested_at, erasure.requested_at)
        await asyncio.to_thread(self._ledger.append, Entry(mark, until))

    async def _find_and_erase(self, tx: Transaction, erasure: PendingErasure) -> None:
        is_meant = self._meant(erasure.bot_id, erasure.mark)
        known = [chat_id for chat_id, _ in await tx.erasures.contacts(erasure.bot_id)]
        chat_id = next(filter(is_meant, known), None)
        if chat_id is None:
            chat_id = next(filter(is_meant, await tx.erasures.chats_of_events(erasure.bot_id)), None)
        if chat_id is not None:
            await self._erase_rows(tx, erasure.bot_id, chat_id, erasure.mark)

    async def _renew_worker(self, tx: Transaction, bot_id: str) -> None:
        """Its memory, and whatever it is about to write, ends with it: it finds the contact gone."""
        bot = await tx.bots.get(bot_id)
        if bot is not None and bot.desired_state is DesiredState.RUNNING and bot.status in _ALIVE:
            generation = await tx.bots.request_restart(bot_id)
            await tx.events.append(BotRestartRequested(bot_id=bot_id, generation=generation), bot_id=bot_id)

    async def _leave_bus(self, bot_id: str, mark: bytes) -> bool:
        try:
            await self._ipc.forget(bot_id, self._meant(bot_id, mark))
        except BusUnavailableError:
            return False
        await self._run(lambda tx: tx.erasures.finish(mark))
        return True

    async def _finish_bot(self, erasure: PendingErasure) -> bool:
        """The supervisor deletes the rows, when the worker is gone; then nothing of it is published any more."""
        if await self._run(lambda tx: tx.bots.get(erasure.bot_id)) is not None:
            return False
        await self._ipc.forget(erasure.bot_id)
        await self._run(lambda tx: tx.erasures.finish(erasure.mark))
        return True

    def _meant(self, bot_id: str, mark: bytes) -> Callable[[int], bool]:
        return lru_cache(10_000)(lambda chat_id: self._ledger.contact_mark(bot_id, chat_id) == mark)

    async def _run(self, fn: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self._store.run(self._principal, fn, give_up_after=_PATIENCE_S)


async def _find(tx: Transaction, bot_id: str, chat_id: int) -> Found | None:
    """What there is to erase, also where an import kept something beside the rows and nothing else is left."""
    found = await tx.erasures.find(bot_id, chat_id)
    return found or (Found() if await kept_of_chat(tx, bot_id, chat_id) else None)


def _nobody(bot_id: str, chat_id: int) -> str:
    return f"Bot {bot_id} holds nothing about chat {chat_id}: hanfleet contacts list {bot_id} shows whom it knows."
