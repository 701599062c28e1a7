"""Taking imports back: what they brought and nothing that came later.

A contact who has been spoken to since, or who opted out, stays; so does a bot that was configured or started.
"""

from collections import Counter
from collections.abc import Sequence

from hanfleet.control.legacy.importer import IMPORTER, Progress
from hanfleet.control.legacy.metrics_file import PREFIX
from hanfleet.core.errors import NotFoundError
from hanfleet.store.imported import Mark
from hanfleet.store.session import Store, Transaction


async def take_back(store: Store, bot_id: str, progress: Progress) -> Counter[str]:
    """Remove all that imports brought to the bot; gives how many of each kind went, and ``kept_…`` stayed.

    Raises NotFoundError when nothing was imported. One transaction; ``store`` is the owner role's.
    """
    async with store.transaction(IMPORTER) as tx:
        if not await tx.imports.kept(bot_id):
            raise NotFoundError(f"Nothing was imported to bot {bot_id}: name another with --bot.")
        done = await _chats(tx, bot_id, await tx.imports.marks(bot_id), progress)
        done["metrics"] += await tx.imports.drop_metrics(bot_id, PREFIX)
        if await tx.imports.forget(bot_id):
            await tx.bots.erase(bot_id)
            done["bots"] += 1
    return done


async def _chats(tx: Transaction, bot_id: str, marks: Sequence[Mark], progress: Progress) -> Counter[str]:
    """Messages first, contacts last: so they refer to each other."""
    done: Counter[str] = Counter()
    by_kind: dict[str, list[Mark]] = {}
    for mark in marks:
        by_kind.setdefault(mark.kind, []).append(mark)
    chats = sorted({mark.chat_id for mark in by_kind.get("messages", [])})
    for number, chat_id in enumerate(chats, 1):
        done["messages"] += await tx.imports.drop_messages(bot_id, chat_id)
        progress(number, len(chats), done["messages"])
    for mark in by_kind.get("conversation", []):
        gone = await tx.imports.drop_conversation(bot_id, mark.chat_id, mark.brought.get("response_id"))
        done["conversations" if gone else "kept_conversations"] += 1
    for mark in by_kind.get("facts", []):
        await tx.imports.drop_facts(bot_id, mark.chat_id, mark.brought)
        done["facts"] += 1
    for mark in by_kind.get("contact", []):
        gone = await tx.imports.drop_contact(bot_id, mark.chat_id, mark.brought)
        done["contacts" if gone else "kept_contacts"] += 1
    for mark in by_kind.get("session", []):
        done["sessions"] += await tx.imports.drop_session(bot_id, mark.brought["key"])
    return done
