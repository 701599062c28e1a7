"""A bot's data key is replaced: killed at any step it goes on, and in the end everything opens and nothing names the old."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from hanfleet.control.data_keys import DataKeys, Rotated
from hanfleet.control.sealing import first_ring, ring_of, use_texts
from hanfleet.core.errors import FencedError, HanfleetError
from hanfleet.core.messages import Entity, SessionSnapshot
from hanfleet.store import migrate
from hanfleet.store.sealed_values import PLACES
from hanfleet.store.session import Store
from hanfleet.vault import KeyRing, MasterKey
from tests.integration.store.conversation_steps import ANN, batch, message
from tests.support.database import SYSTEM, Database
from tests.support.waiting import eventually

MASTER = MasterKey(b"m" * 32)
NOW = datetime(2026, 5, 5, tzinfo=UTC)
SESSION = SessionSnapshot(
    dc_id=2,
    server_address="10.0.0.1",
    port=443,
    auth_key=b"k" * 256,
    telegram_user_id=9,
    is_bot=False,
    entities=tuple(Entity(id=at, access_hash=at * 7, kind="user", phone=f"+{at}") for at in range(1, 520)),
)
TEXTS = [f"secret word {at}" for at in range(20)]


class KilledError(BaseException):
    """The process is gone."""


@dataclass
class Kill:
    """Passes steps by, and kills at the one with this number."""

    at: int = -1
    passed: list[str] = field(default_factory=list)

    def __call__(self, step: str) -> None:
        self.passed.append(step)
        if len(self.passed) - 1 == self.at:
            raise KilledError(step)


@dataclass
class Vault:
    database: Database
    owner: Store

    async def fill(self, bot_id: str, *, sealing: bool = True) -> None:
        """A bot with something in every place."""
        async with self.owner.transaction(SYSTEM) as tx:
            config = {"name": "Anna", "data_isolation": {"encrypt_messages": sealing}}
            await tx.bots.add(bot_id, config)
            ring = await first_ring(tx, MASTER, bot_id)
            await tx.secrets.put(bot_id, "openai_api_key", ring.seal("openai_api_key", b"sk-1"))
            await tx.sessions.save_identity(bot_id, SESSION, ring.seal)
            use_texts(tx, ring, config)
            said = [message(at, text) for at, text in enumerate(TEXTS, 1)]
            await tx.inbox.take(bot_id, batch(*said), NOW, 0, ring.seal)
            await tx.facts.learn(bot_id, ANN, {"home": "by the sea"})
            [first, *_] = await tx.messages.list(bot_id, ANN)
            await tx.summaries.add(bot_id, ANN, "says hello", through=first.id)

    def rotation(self, kill: Callable[[str], None] | None = None, *, patience_s: float = 0) -> DataKeys:
        return DataKeys(
            self.owner,
            MASTER,
            self.database.provisioner.fence,
            self.database.clock,
            patience_s=patience_s,
            checkpoint=kill or Kill(),
        )

    async def rotate(self, bot_id: str = "anna", **options: Any) -> Rotated:
        done = await self.rotation(**options).rotate(bot_id)
        assert done is not None
        return done

    async def everything_opens(self, bot_id: str = "anna") -> KeyRing:
        """Read every value as the product does."""
        async with self.owner.transaction(SYSTEM) as tx:
            ring = await ring_of(tx, MASTER, bot_id)
            assert ring is not None
            tx_texts = await tx.bots.get(bot_id)
            assert tx_texts is not None
            use_texts(tx, ring, tx_texts.config)
            secrets = await tx.secrets.all(bot_id)
            assert ring.open("openai_api_key", secrets["openai_api_key"]) == b"sk-1"
            row = await tx.sessions.load(bot_id)
            assert row is not None
            opened = row.opened(ring.open)
            assert (opened.auth_key, set(opened.entities)) == (SESSION.auth_key, set(SESSION.entities))
            assert [row.text for row in await tx.messages.list(bot_id, ANN)] == TEXTS
            assert await tx.facts.known(bot_id, ANN) == {"home": "by the sea"}
            summary = await tx.summaries.newest(bot_id, ANN)
            assert summary is not None
            assert summary.summary == "says hello"
        return ring

    async def only_one_key_is_in_use(self, bot_id: str = "anna") -> int:
        """No row and no value names another key than the newest; gives its number."""
        async with self.owner.transaction(SYSTEM) as tx:
            [key] = await tx.keys.read(bot_id)
            ring = await ring_of(tx, MASTER, bot_id)
            assert ring is not None
            counts = {place.name: await tx.sealed.named(bot_id, place, ring.prefix) for place in PLACES}
        assert all(others == 0 for _, others in counts.values()), counts
        return key.number


@pytest_asyncio.fixture
async def vault(database: Database) -> Vault:
    vault = Vault(database, await database.store(database.urls.owner))
    await vault.fill("anna")
    return vault


async def test_killed_at_every_step_it_goes_on_and_nothing_is_lost(vault: Vault) -> None:
    steps = Kill()
    await vault.rotate(kill=steps)
    assert (await vault.only_one_key_is_in_use(), len(set(steps.passed))) == (2, len(PLACES) + 3)
    for at in range(len(steps.passed)):
        with pytest.raises(KilledError):
            await vault.rotate(kill=Kill(at))
        with pytest.raises(KilledError):  # and again, soon after the first
            await vault.rotate(kill=Kill(min(at, 1)))
        await vault.everything_opens()
        done = await vault.rotate()
        assert done.done
        assert await vault.only_one_key_is_in_use() == done.key
        await vault.everything_opens()


async def test_another_bots_values_stay_as_they_are(vault: Vault) -> None:
    await vault.fill("boris")
    await vault.rotate("anna")
    assert await vault.only_one_key_is_in_use("boris") == 1
    await vault.everything_opens("boris")


async def test_everything_opens_after_the_schema_went_back_and_up_again(vault: Vault) -> None:
    async with vault.owner.transaction(SYSTEM) as tx:
        await tx.bots.set_config("anna", {"name": "Anna"})  # with sealed texts there is no way back
    assert (await vault.rotate()).done
    url = vault.database.urls.owner
    assert await migrate.downgrade(url, "0004")
    assert await migrate.upgrade(url)
    vault.owner = await vault.database.store(url)
    await vault.everything_opens()
    assert await vault.only_one_key_is_in_use() == 2


async def test_values_of_an_older_release_name_no_key_and_are_sealed_anew(vault: Vault) -> None:
    raw = await vault.database.connect()
    unnamed = "\\x01" + "00" * 40
    await raw.execute("UPDATE secrets SET sealed = $1::text::bytea", unnamed)
    async with vault.owner.transaction(SYSTEM) as tx:
        [key] = await tx.keys.read("anna")
    done = await vault.rotate()
    assert (done.done, done.broken) == (False, ("secrets.sealed (openai_api_key)",))
    async with vault.owner.transaction(SYSTEM) as tx:
        assert [one.number for one in await tx.keys.read("anna")] == [key.number, 2], "the old key stays for it"


async def test_the_old_key_stays_while_a_worker_lives_that_knows_no_other(vault: Vault) -> None:
    async with vault.owner.transaction(SYSTEM) as tx:
        old = await ring_of(tx, MASTER, "anna")
        await tx.leases.grant("bot:anna", 60)
    assert old is not None
    assert (await vault.rotate()).waits
    async with vault.owner.transaction(SYSTEM) as tx:
        row = await tx.bots.get("anna")
        assert row is not None
        assert row.restart_generation == 1
        # That worker goes on sealing with what it has.
        await tx.secrets.put("anna", "openai_api_key", old.seal("openai_api_key", b"sk-1"))
    assert (await vault.rotate()).waits
    await vault.everything_opens()
    async with vault.owner.transaction(SYSTEM) as tx:
        again = await tx.bots.get("anna")
        assert again is not None
        assert again.restart_generation == 1, "one restart is enough"
        await tx.leases.grant("bot:anna", 60)
        await tx.secrets.put("anna", "openai_api_key", old.seal("openai_api_key", b"sk-1"))
    assert (await vault.rotate()).done
    assert await vault.only_one_key_is_in_use() == 2
    await vault.everything_opens()


async def test_who_is_not_known_to_live_can_write_no_more(vault: Vault) -> None:
    login = await vault.database.provisioner.rotate("anna")
    worker = await vault.database.store(login.url)
    async with vault.owner.transaction(SYSTEM) as tx:
        await tx.leases.grant("bot:anna", 60)
        await tx.leases.force_expire("bot:anna")
    assert (await vault.rotate()).waits, "it may be between two workers"
    async with worker.transaction(SYSTEM) as tx:
        await tx.bots.get("anna")
    raw = await vault.database.connect()
    await raw.execute("UPDATE leases SET expires_at = expires_at - interval '1 minute' WHERE name = 'bot:anna'")
    assert (await vault.rotate()).done
    with pytest.raises((FencedError, HanfleetError)):
        async with worker.transaction(SYSTEM) as tx:
            await tx.bots.get("anna")


async def test_a_key_waits_for_whoever_works_with_the_old_one(vault: Vault) -> None:
    async with vault.database.api.transaction(SYSTEM) as tx:
        old = await ring_of(tx, MASTER, "anna")
        assert old is not None
        raw = await vault.database.connect()
        await raw.execute("SET lock_timeout = '100ms'")
        with pytest.raises(Exception, match="lock timeout"):
            await raw.execute("DELETE FROM bot_keys WHERE bot_id = 'anna'")
        await tx.secrets.put("anna", "openai_api_key", old.seal("openai_api_key", b"sk-1"))
    assert (await vault.rotate()).done
    await vault.everything_opens()


async def test_a_value_that_somebody_else_is_changing_is_waited_for(vault: Vault) -> None:
    raw, steps = await vault.database.connect(), Kill()
    changing = raw.transaction()
    await changing.start()
    await raw.execute("SELECT 1 FROM secrets WHERE bot_id = 'anna' FOR UPDATE")
    rotating = asyncio.create_task(vault.rotate(kill=steps))
    await eventually(lambda: steps.passed.count("finish") > 1)
    await changing.rollback()
    assert (await rotating).done
    await vault.everything_opens()
    assert await vault.only_one_key_is_in_use() == 2


@pytest.mark.parametrize("sealing", [True, False])
async def test_a_changed_setting_reaches_the_old_texts(vault: Vault, sealing: bool) -> None:
    await vault.fill("boris", sealing=not sealing)
    raw = await vault.database.connect()
    readable = "SELECT count(*) FROM messages WHERE bot_id = 'boris' AND text <> ''"
    assert await raw.fetchval(readable) == (len(TEXTS) if sealing else 0)
    async with vault.owner.transaction(SYSTEM) as tx:
        config = {"name": "Boris", "data_isolation": {"encrypt_messages": sealing}}
        await tx.bots.set_config("boris", config)
    assert (await vault.rotate("boris")).done
    assert await raw.fetchval(readable) == (0 if sealing else len(TEXTS))
    await vault.everything_opens("boris")
    await vault.only_one_key_is_in_use("boris")
