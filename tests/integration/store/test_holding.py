"""What operators hold and look after: tokens, webhooks, alerts."""

from datetime import timedelta
from hashlib import sha256

import pytest

from hanfleet.core.errors import ConflictError, PermanentError
from hanfleet.kit.identity import new_id
from hanfleet.store.operator_records import Role, Severity, WebhookState
from hanfleet.store.principals import OperatorPrincipal
from tests.support.database import OPERATOR, SYSTEM, Database

IVAN = OperatorPrincipal("ivan")
HASH = sha256(b"a token").digest()


async def _add_ivan(database: Database, bot_id: str) -> None:
    async with database.api.transaction(OPERATOR) as tx:
        await tx.bots.add(bot_id, {"name": bot_id.title()})
        await tx.operators.add("ivan")
        await tx.operators.grant("ivan", Role.OPERATOR, bot_id=bot_id)


async def test_a_token_counts_until_it_expires_or_is_taken_back(database: Database) -> None:
    async with database.api.transaction(SYSTEM) as tx:
        token = await tx.tokens.add("olga", "laptop", HASH, ["bots:read"])
        old = await tx.tokens.add(
            "olga", "old", sha256(b"old").digest(), [], expires_at=database.clock.now() + timedelta(milliseconds=1)
        )
        used = await tx.tokens.use(HASH)
        assert used is not None
        assert (used.id, used.operator, used.scopes) == (token, "olga", ("bots:read",))
        assert used.last_used_at is not None
        assert await tx.tokens.use(sha256(b"another").digest()) is None
    async with database.api.transaction(SYSTEM) as tx:
        await database.clock.sleep(0.002)
        assert await tx.tokens.use(sha256(b"old").digest()) is None
        assert await tx.tokens.revoke(token)
        assert not await tx.tokens.revoke(token)
        assert await tx.tokens.use(HASH) is None
        assert [row.id for row in await tx.tokens.list("olga")] == [token, old]
    with pytest.raises(ConflictError):
        async with database.api.transaction(SYSTEM) as tx:
            await tx.tokens.add("olga", "again", HASH, [])


async def test_a_disabled_operators_token_counts_for_nothing(database: Database) -> None:
    async with database.api.transaction(SYSTEM) as tx:
        await tx.tokens.add("olga", "laptop", HASH, [])
        await tx.operators.disable("olga")
        assert await tx.tokens.use(HASH) is None


async def test_one_has_tokens_of_ones_own_alone(database: Database) -> None:
    await _add_ivan(database, "anna")
    async with database.api.transaction(SYSTEM) as tx:
        olgas = await tx.tokens.add("olga", "laptop", HASH, [])
    async with database.api.transaction(IVAN) as tx:
        mine = await tx.tokens.add("ivan", "laptop", sha256(b"ivan's").digest(), [])
        assert [row.id for row in await tx.tokens.list("ivan")] == [mine]
        assert await tx.tokens.list("olga") == []
        assert not await tx.tokens.revoke(olgas)
    with pytest.raises(PermanentError, match="row-level security"):
        async with database.api.transaction(IVAN) as tx:
            await tx.tokens.add("olga", "stolen", sha256(b"x").digest(), [])


async def test_what_goes_on_is_one_alert(database: Database) -> None:
    await _add_ivan(database, "anna")
    async with database.supervisor.transaction(SYSTEM) as tx:
        for bot_id in ("anna", None):
            assert await tx.alerts.raise_("disk", Severity.WARNING, "It is nearly full.", bot_id=bot_id)
            assert not await tx.alerts.raise_("disk", Severity.CRITICAL, "It is full.", bot_id=bot_id)
    async with database.api.transaction(IVAN) as tx:
        (alert,) = await tx.alerts.open()
        assert (alert.bot_id, alert.severity, alert.acknowledged_by) == ("anna", Severity.WARNING, None)
        assert await tx.alerts.acknowledge(alert)
        assert not await tx.alerts.acknowledge(alert)
        assert [row.acknowledged_by for row in await tx.alerts.open()] == ["operator:ivan"]
        assert not await tx.alerts.resolve("disk")  # the fleet's is not Ivan's
    async with database.supervisor.transaction(SYSTEM) as tx:
        assert await tx.alerts.resolve("disk", bot_id="anna")
        assert [row.bot_id for row in await tx.alerts.open()] == [None]
        assert await tx.alerts.raise_("disk", Severity.INFO, "Again.", bot_id="anna")


async def test_webhooks_of_a_bot_are_its_operators(database: Database) -> None:
    await _add_ivan(database, "anna")
    of_anna, of_all = new_id(), new_id()
    async with database.api.transaction(OPERATOR) as tx:
        await tx.webhooks.add(of_anna, "https://example.org/hook", b"sealed", ["bot.*"], bot_id="anna")
        await tx.webhooks.add(of_all, "https://example.org/all", b"sealed", ["*"])
    async with database.api.transaction(IVAN) as tx:
        (hook,) = await tx.webhooks.list()
        assert (hook.id, hook.url, hook.event_types, hook.state) == (
            of_anna, "https://example.org/hook", ("bot.*",), WebhookState.ACTIVE,
        )  # fmt: skip
        assert hook.secret_sealed == b"sealed"
        assert "sealed" not in repr(hook)
        assert not await tx.webhooks.remove(of_all)
    async with database.supervisor.transaction(SYSTEM) as tx:
        assert [hook.id for hook in await tx.webhooks.list()] == [of_anna, of_all]
        assert await tx.webhooks.remove(of_all)
    with pytest.raises(PermanentError):
        async with database.api.transaction(OPERATOR) as tx:
            await tx.webhooks.add(new_id(), "file:///etc/passwd", b"sealed", ["*"])
