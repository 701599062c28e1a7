"""Making a database forget whom the ledger names: after a restore of an older backup, and at each start.

Refuses to guess: a contact who was met later than the erased one is somebody who wrote again, and stays.
"""

from dataclasses import dataclass
from datetime import datetime

from hanfleet.control.erasure.keeping import forget_kept
from hanfleet.core.states import DesiredState
from hanfleet.store.erasures import ErasureKind
from hanfleet.store.ledger import Entry, Ledger
from hanfleet.store.records import BotRow
from hanfleet.store.session import Transaction


@dataclass(frozen=True)
class Applied:
    """How many were found and erased. ``inherited``: what another ledger needs to name them too."""

    contacts: int = 0
    bots: int = 0
    inherited: tuple[Entry, ...] = ()


async def apply_ledger(tx: Transaction, ledger: Ledger, *, heir: Ledger | None = None) -> Applied:
    """Erase every contact and bot that the ledger names and that is not younger than the erased one.

    ``tx`` is the owner role's, and nobody else may use the database yet. A bot that has a database role is only marked
    as erased: the supervisor takes both away. Raises PermanentError for a ledger that cannot be trusted. Marks tell
    nobody who is meant, so lines for an ``heir`` can only be made here, where the ids are at hand.
    """
    named = _latest(ledger)
    if not named:
        return Applied()
    contacts = bots = 0
    inherited: list[Entry] = []
    for bot in await tx.bots.list():
        mark = ledger.bot_mark(bot.bot_id)
        if _is_meant(named, mark, bot.created_at):
            bots += await _erase_bot(tx, bot)
            if heir:
                inherited.append(Entry(heir.bot_mark(bot.bot_id), named[mark]))
            continue
        for chat_id, met_at in await tx.erasures.contacts(bot.bot_id):
            mark = ledger.contact_mark(bot.bot_id, chat_id)
            if _is_meant(named, mark, met_at):
                await _erase_contact(tx, bot, chat_id, mark)
                contacts += 1
                if heir:
                    inherited.append(Entry(heir.contact_mark(bot.bot_id, chat_id), named[mark]))
    return Applied(contacts, bots, tuple(inherited))


def _latest(ledger: Ledger) -> dict[bytes, datetime]:
    """Mark → the latest time up to which it counts; one that was erased twice counts up to the second time."""
    named: dict[bytes, datetime] = {}
    for entry in ledger.entries():
        named[entry.mark] = max(entry.until, named.get(entry.mark, entry.until))
    return named


def _is_meant(named: dict[bytes, datetime], mark: bytes, met_at: datetime | None) -> bool:
    """A peer that is no contact has no time, and is learnt again when it is needed."""
    return mark in named and (met_at is None or met_at <= named[mark])


async def _erase_contact(tx: Transaction, bot: BotRow, chat_id: int, mark: bytes) -> None:
    under_way = await tx.erasures.pending(mark)
    if not under_way:
        await tx.erasures.ask(ErasureKind.CONTACT, bot.bot_id, mark)
    await forget_kept(tx, bot.bot_id, chat_id)
    await tx.erasures.erase(bot.bot_id, chat_id, mark)
    if not under_way:
        await tx.erasures.finish(mark)


async def _erase_bot(tx: Transaction, bot: BotRow) -> int:
    if not await tx.erasures.logs_in(bot.bot_id):
        return int(await tx.bots.erase(bot.bot_id))
    if bot.desired_state is DesiredState.ERASED:
        return 0
    await tx.bots.set_desired(bot.bot_id, DesiredState.ERASED)
    return 1
