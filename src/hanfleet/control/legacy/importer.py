"""Bringing an old folder into the store: one transaction, and only what is not there yet.

A bot, a contact or a session that stands already keeps what it has; what the old data know beside is added. Nobody is
told anything and nothing is started.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from uuid import UUID

from hanfleet.control.legacy.choosing import imported_profile, is_newer, sign_of
from hanfleet.control.legacy.cleaning import clean_json, plain
from hanfleet.control.legacy.folder import LegacyFolder
from hanfleet.control.legacy.merging import extras_in, grown
from hanfleet.control.legacy.oddities import quoted
from hanfleet.control.legacy.read_ahead import ReadAhead, ReadChat
from hanfleet.control.legacy.records import LegacyProfile
from hanfleet.control.legacy.rows import contact_again
from hanfleet.control.legacy.settings_file import configuration
from hanfleet.control.requests import check_kept
from hanfleet.control.sealing import first_ring, ring_of, use_texts
from hanfleet.core.config import BotConfig
from hanfleet.core.messages import Direction
from hanfleet.core.states import DesiredState
from hanfleet.kit.clock import Clock
from hanfleet.kit.identity import new_id
from hanfleet.store.imported import ImportedContact, ImportedConversation, ImportedMessage, Mark
from hanfleet.store.imports import without
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.session import Store, Transaction
from hanfleet.vault import KeyRing, MasterKey

IMPORTER = SystemPrincipal("import")

#: (chats done, chats in all, messages so far)
Progress = Callable[[int, int, int], None]


def survey(folder: LegacyFolder, progress: Progress) -> Counter[str]:
    """What an import would find, without a database."""
    found: Counter[str] = Counter(sessions=int(folder.session() is not None))
    total = len(folder.chat_ids)
    for done, chat in enumerate(folder.chats(), 1):
        found["chats"] += 1
        found["messages"] += len(chat.messages)
        progress(done, total, found["messages"])
    found["metrics"] = len(folder.metrics)
    configuration("bot", folder.settings, folder.persona, folder.oddities)
    return found


async def import_folder(
    store: Store,
    master_key: MasterKey,
    bot_id: str,
    folder: LegacyFolder,
    clock: Clock,
    progress: Progress,
    *,
    start: bool = False,
) -> Counter[str]:
    """Bring ``folder`` to the bot, which is made when it is missing; gives how many of each kind were new.

    ``unconfigured`` among them: the settings made no bot, so the one that was made waits for a configuration.
    ``store`` is the owner role's. ``start``: a bot that is made here is wanted running. Raises ConflictError for a bot
    that was removed. After any error nothing has changed.
    """
    async with store.transaction(IMPORTER) as tx:
        return await _Import(tx, master_key, bot_id, folder, clock, progress, start=start).run()


async def was_imported(store: Store, bot_id: str) -> bool:
    """Whether an import has brought the bot something. Raises ConflictError for a bot that was removed."""
    async with store.transaction(IMPORTER) as tx:
        row = await tx.bots.get(bot_id)
        if row is not None:
            check_kept(row)
        return bool(await tx.imports.kept(bot_id))


class _Import:
    def __init__(
        self,
        tx: Transaction,
        master_key: MasterKey,
        bot_id: str,
        folder: LegacyFolder,
        clock: Clock,
        progress: Progress,
        *,
        start: bool,
    ) -> None:
        self._tx = tx
        self._desired = DesiredState.RUNNING if start else DesiredState.STOPPED
        self._master_key = master_key
        self._bot_id = bot_id
        self._folder = folder
        self._now = clock.now()
        self._progress = progress
        self._brought: Counter[str] = Counter()
        self._id: UUID | None = None
        self._marks: list[Mark] = []

    async def run(self) -> Counter[str]:
        """In the order in which rows refer to each other."""
        await self._bot()
        await self._session()
        metrics = [(row.name, row.value, row.at) for row in self._folder.metrics]
        if metrics and (added := await self._tx.imports.add_metrics(self._bot_id, metrics)):
            await self._begun()
            self._brought["metrics"] += added
        total = len(self._folder.chat_ids)
        done = 0
        async with aclosing(ReadAhead(self._folder, self._bot_id, self._now)) as reader:
            while batch := await reader.batch():
                await self._chats(batch)
                done += len(batch)
                self._progress(done, total, self._brought["messages"])
        await self._write_marks()
        kept = kept_of(self._folder)
        if kept and kept not in await self._tx.imports.kept(self._bot_id):
            await self._begun()
            self._brought["kept"] += 1
        if self._id is not None:
            await self._tx.imports.finish(self._id, self._brought, kept)
        return self._brought

    async def _bot(self) -> None:
        row = await self._tx.bots.get(self._bot_id)
        settings, oddities = self._folder.settings, self._folder.oddities
        if row is not None:
            check_kept(row)
            use_texts(self._tx, await ring_for(self._tx, self._master_key, self._bot_id), row.config)
            if settings.file:
                oddities.note(settings.file, "", "the bot stands already", "its configuration stays as it is")
            return
        config = configuration(self._bot_id, settings, self._folder.persona, oddities)
        await self._tx.bots.add(self._bot_id, public_of(self._bot_id, config), desired=self._desired)
        ring = await first_ring(self._tx, self._master_key, self._bot_id)
        for name, value in (config.secrets() if config else {}).items():
            await self._tx.secrets.put(self._bot_id, name, ring.seal(name, value.encode()))
        await self._begun(made_bot=True)
        self._brought["bots"] += 1
        if config is None:
            self._brought["unconfigured"] += 1

    async def _session(self) -> None:
        snapshot = self._folder.session()
        if snapshot is None:
            return
        if await self._tx.sessions.load(self._bot_id) is not None:
            self._folder.oddities.note("", "session", "the bot has a Telegram session already", "it keeps that one")
            return
        ring = await ring_for(self._tx, self._master_key, self._bot_id)
        await self._tx.sessions.save_identity(self._bot_id, snapshot, ring.seal)
        stored = await self._tx.sessions.load(self._bot_id)
        assert stored is not None
        self._mark("session", 0, {"key": stored.auth_key_sealed.hex()})
        self._brought["sessions"] += 1

    async def _chats(self, batch: Sequence[ReadChat]) -> None:
        """In three statements, as long as nothing of them was there before."""
        imports = self._tx.imports
        met = await imports.add_contacts(self._bot_id, [chat.contact for chat in batch])
        talks = [chat.conversation for chat in batch if chat.conversation is not None]
        begun = await imports.add_conversations(self._bot_id, talks)
        new: list[tuple[int, ImportedMessage]] = []
        for chat in batch:
            missing, received = await self._missing(chat, new=chat.chat_id in begun)
            new += [(chat.chat_id, row) for row in missing]
            if chat.chat_id in met:
                self._mark("contact", chat.chat_id, chat.brought)
                self._brought["contacts"] += 1
            else:
                await self._known_contact(chat, received)
            if chat.conversation is not None:
                if chat.chat_id in begun:
                    self._mark("conversation", chat.chat_id, sign_of(chat.profile))
                    self._brought["conversations"] += 1
                else:
                    await self._known_conversation(chat.conversation, chat.profile)
        await imports.copy_messages(self._bot_id, new)
        await self._write_marks()

    async def _missing(self, chat: ReadChat, *, new: bool) -> tuple[Sequence[ImportedMessage], int]:
        """The messages that have to be written, of a conversation that is new all; and how many of all are received.

        Of another, what stands is the base, for it may be the only copy. Ids say the place, so where some stand in
        other places now (a backup turned up), all go and are written anew.
        """
        imports, chat_id, talk, extras = self._tx.imports, chat.chat_id, chat.rows, chat.extras
        if new or not talk:
            if talk:
                self._mark("messages", chat_id, {"count": len(talk), "extra": extras})
                self._brought["messages"] += len(talk)
            return talk, chat.contact.message_count
        known = await imports.message_ids(self._bot_id, chat_id)
        before = extras_before(await imports.brought(self._bot_id, "messages", chat_id))
        stored = talk
        if known - {message.id for message in talk}:
            stored = await imports.messages(self._bot_id, chat_id)
            talk = grown(stored, talk)
        extras, replaced = extras_in(talk, (stored, before), (chat.rows, plain(extras)))
        if replaced:
            reason = f"other fields beside messages than were imported before: chat {chat_id}, {quoted(replaced)}"
            self._folder.oddities.note("", f"chat {chat_id}", reason, "the folder's count now")
        more = len(talk) - len(known)
        if known - {message.id for message in talk}:
            await imports.drop_messages(self._bot_id, chat_id)
            known = set()
        if more or extras != before:
            self._mark("messages", chat_id, {"count": more, "extra": extras})
            self._brought["messages" if more else "refreshed"] += more or 1
        received = sum(message.direction == Direction.IN for message in talk)
        return [message for message in talk if message.id not in known], received

    async def _known_contact(self, chat: ReadChat, received: int) -> None:
        imports, chat_id = self._tx.imports, chat.chat_id
        for before in await imports.brought(self._bot_id, "contact", chat_id):
            # The old bot went on after an earlier import, or this folder is an older one.
            contact = replace(chat.contact, message_count=max(chat.contact.message_count, received))
            contact, brought = contact_again(contact, chat.profile, before, self._folder.oddities)
            if brought == before:
                return
            if await imports.refresh_contact(self._bot_id, contact, before):
                await self._begun()
                await imports.remark(self._bot_id, Mark("contact", chat_id, brought))
                self._brought["refreshed"] += 1
                return
        await self._standing_contact(chat.contact)

    async def _standing_contact(self, contact: ImportedContact) -> None:
        """One that no import brought, or that was changed since: what it has counts, the rest is added or named."""
        chat_id, where, oddities = contact.chat_id, f"chat {contact.chat_id}", self._folder.oddities
        new = await self._tx.imports.add_facts(self._bot_id, chat_id, contact.data)
        if new is None:
            reason = "a profile over what a row holds, together with what is known already"
            oddities.note("", where, f"{reason}: {where}", "its facts stay as they are")
        elif new:
            self._mark("facts", chat_id, {"data": new})
            self._brought["facts"] += 1
        there = await self._tx.contacts.get(self._bot_id, chat_id)
        assert there is not None
        left = {"name": contact.name} if contact.name not in ("", there.name) else {}
        if left := left | without(plain(contact.data), there.profile_data):
            reason = f"a contact that stands already, with other values: {where}, {quoted(left)}"
            oddities.note("", where, reason, "it keeps its own")

    async def _known_conversation(self, talk: ImportedConversation, profile: LegacyProfile | None) -> None:
        imports, chat_id = self._tx.imports, talk.chat_id
        for before in await imports.brought(self._bot_id, "conversation", chat_id):
            sign = sign_of(profile)
            if before == sign or not is_newer(profile, imported_profile(chat_id, before)):
                return
            if await imports.refresh_conversation(self._bot_id, talk, before["response_id"]):
                await self._begun()
                await imports.remark(self._bot_id, Mark("conversation", chat_id, sign))
                self._brought["refreshed"] += 1
                return
        if talk.response_id:
            reason = f"a conversation that stands already: chat {chat_id}, the old response was {talk.response_id}"
            self._folder.oddities.note("", f"chat {chat_id}", reason, "it keeps its own")

    def _mark(self, kind: str, chat_id: int, brought: dict[str, Any]) -> None:
        """What is written with the batch: a statement each would take longer than the messages."""
        self._marks.append(Mark(kind, chat_id, brought))

    async def _write_marks(self) -> None:
        if self._marks:
            await self._tx.imports.mark(self._bot_id, await self._begun(), self._marks)
            self._marks.clear()

    async def _begun(self, *, made_bot: bool = False) -> UUID:
        """The import's row, written with the first thing that it brings: without one there is none."""
        if self._id is None:
            self._id = new_id()
            await self._tx.imports.begin(self._id, self._bot_id, made_bot=made_bot)
        return self._id


def public_of(bot_id: str, config: BotConfig | None) -> dict[str, Any]:
    """The configuration in clear; a bot without settings has its names alone and waits to be configured."""
    return config.public() if config else {"bot_id": bot_id, "name": "Han"}


def extras_before(brought: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What stands beside a chat's messages, by their places: the last import's word counts."""
    extras: dict[str, dict[str, Any]] = brought[-1]["extra"] if brought else {}
    return extras


def kept_of(folder: LegacyFolder) -> dict[str, Any]:
    """What has no place in our tables. Complete once the chats were walked."""
    unknown = {"unknown": folder.oddities.unknown} if folder.oddities.unknown else {}
    kept: dict[str, Any] = clean_json({**folder.kept, **unknown})[0]
    return kept


async def ring_for(tx: Transaction, master_key: MasterKey, bot_id: str) -> KeyRing:
    """The bot's keys; a bot that has none yet gets one."""
    return await ring_of(tx, master_key, bot_id) or await first_ring(tx, master_key, bot_id)
