"""Whether everything of an old folder stands in the store: every record, every message, text for text.

Meant for the time between the import and the bot's first start; later changes are differences too, and are named.
"""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hanfleet.control.legacy.choosing import imported_profile, is_newer
from hanfleet.control.legacy.cleaning import plain
from hanfleet.control.legacy.folder import LegacyFolder
from hanfleet.control.legacy.ids import place_of
from hanfleet.control.legacy.importer import IMPORTER, Progress, extras_before, kept_of, ring_for
from hanfleet.control.legacy.metrics_file import PREFIX
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.records import LegacyChat
from hanfleet.control.legacy.rows import contact_again, contact_of, extras_of, messages_of
from hanfleet.control.legacy.settings_file import configuration
from hanfleet.control.sealing import use_texts
from hanfleet.kit.clock import Clock
from hanfleet.store.imports import without
from hanfleet.store.session import Store, Transaction
from hanfleet.vault import MasterKey


@dataclass(frozen=True)
class Difference:
    """``record`` names it ("chat 5, message 7"); both sides as a person can read them."""

    record: str
    expected: str
    found: str


async def compare(
    store: Store, master_key: MasterKey, bot_id: str, folder: LegacyFolder, clock: Clock, progress: Progress
) -> list[Difference]:
    """Every difference between ``folder`` and what is stored of the bot; empty: none. Changes nothing."""
    async with store.transaction(IMPORTER) as tx:
        if await tx.bots.get(bot_id) is None:
            return [Difference(f"bot {bot_id}", "a bot", "none")]
        found = await _bot(tx, master_key, bot_id, folder)
        total, messages = len(folder.chat_ids), 0
        for done, chat in enumerate(folder.chats(), 1):
            found += await _chat(tx, bot_id, chat, clock.now(), folder.oddities)
            messages += len(chat.messages)
            progress(done, total, messages)
        # Once everything was read. What could not be is said, or nobody would look for it before the folder goes.
        found += [
            Difference(file, f"{what} that could not be read: {much}", "not as records: the report has each place")
            for file, unread in folder.oddities.unread.items()
            for what, much in unread.items()
        ]
        kept = kept_of(folder)
        if kept and kept not in await tx.imports.kept(bot_id):
            found.append(Difference("what is kept with the import", quoted(kept), "not there"))
    return found


async def _bot(tx: Transaction, master_key: MasterKey, bot_id: str, folder: LegacyFolder) -> list[Difference]:
    found: list[Difference] = []
    row = await tx.bots.get(bot_id)
    ring = await ring_for(tx, master_key, bot_id)
    use_texts(tx, ring, row.config if row else {})
    config = configuration(bot_id, folder.settings, folder.persona, folder.oddities)
    if row and config and await tx.imports.made_bot(bot_id):
        found += _unequal("configuration", config.public(), row.config)
        secrets = {name: ring.open(name, value).decode() for name, value in (await tx.secrets.all(bot_id)).items()}
        if secrets != config.secrets():
            found.append(Difference("secrets", "those of the .env", "others"))
    snapshot = folder.session()
    if snapshot is not None:
        stored = await tx.sessions.load(bot_id)
        opened = stored.opened(ring.open) if stored else None
        if opened is None or replace(opened, entities=()) != replace(snapshot, entities=()):
            found.append(Difference("session", "that of the session file", "another" if opened else "none"))
        elif missing := set(snapshot.entities) - set(opened.entities):
            found.append(Difference("session", f"{len(missing)} people", "not there, or otherwise"))
    stored_metrics = await tx.imports.metrics(bot_id, PREFIX)
    for metric in folder.metrics:
        if (metric.name, metric.value, metric.at) not in stored_metrics:
            found.append(Difference(f"metric {metric.name} of {metric.at}", str(metric.value), "not there"))
    return found


async def _chat(tx: Transaction, bot_id: str, chat: LegacyChat, now: datetime, oddities: Oddities) -> list[Difference]:
    where = f"chat {chat.chat_id}"
    stored = await tx.contacts.get(bot_id, chat.chat_id)
    if stored is None:
        return [Difference(where, "a contact", "none")]
    expected = contact_of(chat, now)
    found: list[Difference] = []
    marks = await tx.imports.brought(bot_id, "contact", chat.chat_id)
    for brought in marks:
        expected, _ = contact_again(expected, chat.profile, brought, oddities)
        found += _unequal(f"{where}, name", expected.name, stored.name)
        found += _unequal(f"{where}, profile", plain(expected.data), stored.profile_data)
        found += _unequal(f"{where}, message count", expected.message_count, stored.message_count)
        found += _unequal(f"{where}, last activity", expected.last_activity, stored.last_activity)
    if not marks:
        # It was known before: what it had counts, and what else the old data say is named.
        if expected.name:
            found += _unequal(f"{where}, name", expected.name, stored.name)
        if left := without(plain(expected.data), stored.profile_data):
            found.append(Difference(f"{where}, facts", quoted(left), "not there, or otherwise"))
    response_id = chat.profile.response_id if chat.profile else None
    marks = await tx.imports.brought(bot_id, "conversation", chat.chat_id)
    for brought in marks:
        if not is_newer(chat.profile, imported_profile(chat.chat_id, brought)):
            response_id = brought["response_id"]
    if marks or response_id:
        talk = await tx.conversations.get(bot_id, chat.chat_id)
        found += _unequal(f"{where}, previous response", response_id, talk and talk.response_id)
    return [*found, *await _messages(tx, bot_id, chat, where)]


async def _messages(tx: Transaction, bot_id: str, chat: LegacyChat, where: str) -> list[Difference]:
    """The folder's have to be there in its order; between them may stand what it had at an earlier import."""
    stored = await tx.imports.messages(bot_id, chat.chat_id)
    beside = extras_before(await tx.imports.brought(bot_id, "messages", chat.chat_id))
    extras: dict[str, dict[str, Any]] = plain(extras_of(chat))
    places: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for at, message in enumerate(stored):
        places[message.identity].append(at)
    found: list[Difference] = []
    done = 0
    for index, message in enumerate(messages_of(bot_id, chat)):
        left = places[message.identity]
        shown = "in another place" if left else "none"
        while left and left[0] < done:
            left.popleft()
        wanted = f"{message.direction} {message.sent_at} {quoted(message.text)}"
        record = f"{where}, message {index}"
        if not left:
            found.append(Difference(record, wanted, shown))
            continue
        done = left.popleft() + 1
        there = stored[done - 1]
        # One without a time counts as made with its neighbours, and they may have been others.
        if there != message._replace(id=there.id, created_at=message.sent_at or there.created_at):
            shown = f"{there.direction} {there.sent_at} {quoted(there.text)}"
            found.append(Difference(record, wanted, shown))
        extra, beside_it = extras.get(str(index), {}), beside.get(str(place_of(there.id)), {})
        if {**beside_it, **extra} != beside_it:
            found.append(Difference(f"{record}, other fields", quoted(extra), quoted(beside_it)))
    return found


def _unequal(record: str, expected: Any, found: Any) -> Iterator[Difference]:
    if expected != found:
        yield Difference(record, quoted(expected), quoted(found))
