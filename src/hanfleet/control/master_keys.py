"""The master key's side of the bots' keys: does it open them, and wrapping them all anew under another one."""

from collections.abc import Sequence

from hanfleet.core.errors import PermanentError
from hanfleet.store.session import Transaction
from hanfleet.vault import MasterKey


async def check_opens(tx: Transaction, masters: Sequence[MasterKey], place: str) -> int:
    """How many keys there are; each opens with one of ``masters``. Raises PermanentError with what to do.

    ``place`` says where a master key is looked for.
    """
    keys = await tx.keys.all()
    bots = len({key.bot_id for key in keys})
    if keys and not masters:
        raise PermanentError(
            f"The master key is missing: there is none in {place}, and this database holds the keys of {bots} bots that"
            " only it opens. Put it back from your copy, then start again."
        )
    for key in keys:
        if not any(_opens(master, key.bot_id, key.wrapped) for master in masters):
            raise PermanentError(
                f"The master key in {place} is another than the one that wrapped the keys of this database"
                f" ({masters[0].name} does not open that of bot {key.bot_id}): put the right one back from your copy,"
                " then start again."
            )
    return len(keys)


async def rewrap(tx: Transaction, old: MasterKey, new: MasterKey) -> int:
    """Wrap every key by ``new`` that is not yet, and say how many. Raises PermanentError for another ``old``."""
    rewrapped = 0
    for key in await tx.keys.hold_all():
        if not new.wrapped_it(key.wrapped):
            await tx.keys.rewrap(key, new.wrap(key.bot_id, old.unwrap(key.bot_id, key.wrapped)))
            rewrapped += 1
    return rewrapped


def _opens(master: MasterKey, bot_id: str, wrapped: bytes) -> bool:
    try:
        master.unwrap(bot_id, wrapped)
    except PermanentError:
        return False
    return True
