"""Whose entries an operator may ask for: bots there are, bots there were, and nobody else's."""

from functools import partial

import pytest

from hanfleet.control.trail import AuditTrail
from hanfleet.core.errors import NotFoundError
from tests.support.database import OPERATOR, SYSTEM, Database


async def test_an_erased_bot_keeps_its_entries_and_an_unknown_one_is_refused(database: Database) -> None:
    await database.add_bot("mira")
    trail = AuditTrail(partial(database.api.run, OPERATOR))
    kept = len(await trail.list(bot_id="mira"))
    async with database.supervisor.transaction(SYSTEM) as tx:
        await tx.bots.erase("mira")
    entries = await trail.list(bot_id="mira")
    assert len(entries) > kept
    # Nothing behind the last one, and nothing of that principal: that is no unknown bot.
    assert await trail.list(bot_id="mira", cursor=entries[-1].cursor) == []
    assert await trail.list(bot_id="mira", principal="operator:nobody") == []
    with pytest.raises(NotFoundError, match="There is no bot vera, and no entry of one: hanfleet bots list"):
        await trail.list(bot_id="vera")
