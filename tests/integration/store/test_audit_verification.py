"""Whoever can write as the owner role tampers; verification names the first broken entry. And retention, which may."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text

from hanfleet.control.verification import Break, Fault, verify
from hanfleet.core.audit import ChainHead, ExportedHead
from hanfleet.core.errors import PermanentError, StoreUnavailableError
from hanfleet.store import evidence
from hanfleet.store.audit import Audit
from hanfleet.store.session import Store
from tests.integration.store.test_audit_triggers import talk
from tests.support.database import OPERATOR, SYSTEM, BotLogIn, Database

CHAIN = "bot:anna"
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_EXPRESSION = """sha256(prev_hash || convert_to(jsonb_build_array(
    chain, seq, to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), principal, db_role, action, noun,
    bot_id, subject, old_values, new_values, request_id)::text, 'UTF8'))"""
_FORGE = "UPDATE audit SET principal = 'operator:nobody' WHERE chain = 'bot:anna' AND seq = 4;"
_HASH_IT = f"UPDATE audit SET hash = {_EXPRESSION} WHERE chain = 'bot:anna' AND seq = 4;"
#: As a careful forger would: every hash from the first entry on, and the head.
REHASH = f"""
    DO $$
    DECLARE
        place bigint;
        last bytea := '';
    BEGIN
        FOR place IN SELECT seq FROM audit WHERE chain = 'bot:anna' ORDER BY seq LOOP
            UPDATE audit SET prev_hash = last WHERE chain = 'bot:anna' AND seq = place;
            UPDATE audit SET hash = {_EXPRESSION} WHERE chain = 'bot:anna' AND seq = place RETURNING hash INTO last;
        END LOOP;
        UPDATE audit_chains SET hash = last, seq = place WHERE chain = 'bot:anna';
    END $$;"""
_CUT = "DELETE FROM audit WHERE chain = 'bot:anna' AND seq >= 6;"
_MOVE_HEAD = """
    UPDATE audit_chains c SET seq = a.seq, hash = a.hash
    FROM audit a WHERE c.chain = 'bot:anna' AND a.chain = 'bot:anna' AND a.seq = 5;"""
_COPY = """
    INSERT INTO audit SELECT chain, {seq}, timestamp + interval '1 day', principal, db_role, action, noun, bot_id, subject,
        old_values, new_values, request_id, prev_hash, hash FROM audit WHERE chain = 'bot:anna' AND seq = 4;"""
_BEGINNING = """
    INSERT INTO audit_checkpoints SELECT chain, seq, hash FROM audit WHERE chain = 'bot:anna' AND seq = 3;
    DELETE FROM audit WHERE chain = 'bot:anna' AND seq <= 3;"""

SEEN = {
    "an entry is changed": (
        "UPDATE audit SET new_values = '{}' WHERE chain = 'bot:anna' AND seq = 4",
        4,
        Fault.CHANGED,
    ),
    "somebody else did it": (_FORGE, 4, Fault.CHANGED),
    "a time is moved": ("UPDATE audit SET timestamp = timestamp + interval '1 us' WHERE seq = 4", 4, Fault.CHANGED),
    "it refers to another": ("UPDATE audit SET prev_hash = 'x' WHERE chain = 'bot:anna' AND seq = 4", 4, Fault.CHANGED),
    "two change places": (
        "UPDATE audit SET seq = 10 - seq WHERE chain = 'bot:anna' AND seq IN (4, 6)",
        4,
        Fault.CHANGED,
    ),
    "no value becomes a null": (
        "UPDATE audit SET old_values = 'null' WHERE chain = 'bot:anna' AND seq = 1",
        1,
        Fault.CHANGED,
    ),
    "an entry is changed with its hash": (_FORGE + _HASH_IT, 4, Fault.REHASHED),
    "all is hashed anew": (_FORGE + REHASH, 7, Fault.REWRITTEN),
    "an entry is deleted": ("DELETE FROM audit WHERE chain = 'bot:anna' AND seq = 4", 4, Fault.MISSING),
    "the first one is deleted": ("DELETE FROM audit WHERE chain = 'bot:anna' AND seq = 1", 1, Fault.MISSING),
    "the end is deleted": (_CUT, 6, Fault.CUT),
    "the end is deleted and the head moved back": (_CUT + _MOVE_HEAD, 6, Fault.CUT),
    "a whole chain is deleted": ("DELETE FROM audit WHERE chain = 'bot:anna'", 1, Fault.CUT),
    "a chain is deleted with its head": (
        "DELETE FROM audit WHERE chain = 'bot:anna'; DELETE FROM audit_chains WHERE chain = 'bot:anna'",
        1,
        Fault.CUT,
    ),
    "there are two of one": (_COPY.format(seq=4), 4, Fault.DOUBLED),
    "one is added behind the head": (_COPY.format(seq=8), 8, Fault.UNHEADED),
    "the head is another": ("UPDATE audit_chains SET hash = 'x' WHERE chain = 'bot:anna'", 7, Fault.UNHEADED),
    "the head is deleted": ("DELETE FROM audit_chains WHERE chain = 'bot:anna'", 1, Fault.UNHEADED),
    "the beginning is said to be too old": (_BEGINNING, 3, Fault.DROPPED),
    "an entry is moved to before Christ": (
        "UPDATE audit SET timestamp = (timestamp::text || ' BC')::timestamptz WHERE chain = 'bot:anna' AND seq = 4",
        4,
        Fault.CHANGED,
    ),
    "a function of its own makes the hashes": (
        "CREATE FUNCTION public.jsonb_build_array(text, bigint, text, text, text, text, text, text, text, jsonb, jsonb,"
        " text) RETURNS jsonb LANGUAGE sql AS $$ SELECT pg_catalog.jsonb_build_array($1, $2, $3, CASE $4 WHEN"
        " 'operator:nobody' THEN 'operator:olga' ELSE $4 END, $5, $6, $7, $8, $9, $10, $11, $12) $$;" + _FORGE,
        4,
        Fault.CHANGED,
    ),
}
#: Only exported heads show these.
UNSEEN = {"all is hashed anew", "the end is deleted and the head moved back", "a chain is deleted with its head"}


@dataclass
class Trail:
    """Seven entries on anna (a bot, a role, five restarts), exported; and the owner role, which can do anything."""

    database: Database
    bot: BotLogIn
    owner: Any
    store: Store
    exported: list[ExportedHead]

    async def breaks(self, *, exported: bool = True) -> list[tuple[str, int, Fault]]:
        found = await verify(self.store, self.exported if exported else [])
        return [(one.chain, one.seq, one.fault) for one in found.breaks]

    async def export(self) -> None:
        async with self.database.supervisor.transaction(SYSTEM) as tx:
            self.exported += [ExportedHead(head, NOON) for head in await tx.audit.heads()]

    async def restart(self, times: int) -> None:
        for _ in range(times):
            async with self.database.api.transaction(OPERATOR) as tx:
                await tx.bots.request_restart("anna")


@pytest_asyncio.fixture
async def trail(database: Database) -> Trail:
    bot = await database.add_bot()
    owner = await database.connect(database.urls.owner)
    trail = Trail(database, bot, owner, await database.store(database.urls.owner), [])
    await trail.restart(5)
    await trail.export()
    return trail


@pytest.mark.parametrize("tampering", SEEN)
async def test_tampering_is_named(trail: Trail, tampering: str) -> None:
    assert await trail.breaks() == []
    sql, seq, fault = SEEN[tampering]
    await trail.owner.execute(sql)
    assert (await trail.breaks())[0] == (CHAIN, seq, fault)
    without = await trail.breaks(exported=False)
    assert without == ([] if tampering in UNSEEN else [(CHAIN, seq, fault)])


async def test_no_setting_of_the_owner_role_shows_another_trail(trail: Trail) -> None:
    await trail.owner.execute(
        "CREATE SCHEMA evil; CREATE TABLE evil.audit AS SELECT * FROM audit;"
        f"CREATE TABLE evil.audit_chains AS SELECT * FROM audit_chains; {_FORGE}"
        f"ALTER ROLE CURRENT_USER IN DATABASE {trail.database.name} SET search_path = evil, public"
    )
    store = await trail.database.store(trail.database.urls.owner)  # its log-in is later than the setting
    found = await verify(store, [])
    assert [(one.chain, one.seq, one.fault) for one in found.breaks] == [(CHAIN, 4, Fault.CHANGED)]
    await trail.owner.execute("SET search_path = evil")
    assert await trail.breaks() == [(CHAIN, 4, Fault.CHANGED)]


async def test_every_connection_says_itself_where_names_are_looked_up(trail: Trail) -> None:
    await trail.owner.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {trail.database.name} SET search_path = evil")
    raw = await trail.database.connect(trail.database.urls.owner)
    assert await raw.fetchval("SHOW search_path") == "public, pg_temp"
    async with trail.store.transaction(SYSTEM) as tx:
        assert await tx._connection.value(text("SHOW search_path")) == "public, pg_temp"


async def test_whatever_is_written_hashes_the_same_outside(trail: Trail) -> None:
    odd = "".join(map(chr, range(1, 0x180))) + "\u2028\ud7ff\uffff\U0001f600"
    config: dict[str, Any] = {"name": "Anna", odd: [odd, None, True, 0.1, 1e300, -5, 10**40, {"b": {}, "a": []}]}
    async with trail.database.api.transaction(OPERATOR) as tx:
        await tx.bots.set_config("anna", config)
        await tx._connection.all(text("SELECT set_config('hanfleet.principal', :odd, true)"), odd=f"system:{odd}")
        await tx.bots.request_restart("anna")
    assert await trail.breaks() == []


async def test_an_entry_of_no_chain_is_a_break(trail: Trail) -> None:
    """Lists would show it."""
    await trail.owner.execute(
        "INSERT INTO audit SELECT '', -1, timestamp, principal, db_role, action, noun, bot_id, subject, old_values,"
        " new_values, request_id, prev_hash, hash FROM audit WHERE chain = 'bot:anna' AND seq = 4"
    )
    assert await trail.breaks() == [("", -1, Fault.DOUBLED)]


async def test_twins_are_found_wherever_a_page_ends(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "_LINKS_AT_ONCE", 4)
    await trail.owner.execute(
        "ALTER TABLE audit DROP CONSTRAINT audit_pkey;"
        "ALTER TABLE audit ALTER chain SET NOT NULL, ALTER seq SET NOT NULL, ALTER timestamp SET NOT NULL;"
        "INSERT INTO audit SELECT chain, seq, timestamp, 'operator:nobody', db_role, action, noun, bot_id, subject,"
        " old_values, new_values, request_id, prev_hash, hash FROM audit WHERE chain = 'bot:anna' AND seq = 4"
    )
    assert await trail.breaks() in ([(CHAIN, 4, Fault.DOUBLED)], [(CHAIN, 4, Fault.CHANGED)])


async def test_what_the_retention_says_may_be_anything_and_is_a_break(trail: Trail) -> None:
    for value in ("[1]", "7", f"{'[' * 6000}{']' * 6000}", f'{{"a": {"9" * 5000}}}'):
        await trail.owner.execute(
            "DELETE FROM audit WHERE chain = 'fleet'; INSERT INTO audit SELECT 'fleet', 1, timestamp, principal, db_role,"
            " action, 'audit', bot_id, subject, NULL, $$" + value + "$$::jsonb, NULL, prev_hash, hash FROM audit"
            " WHERE chain = 'bot:anna' AND seq = 4"
        )
        assert ("fleet", 1, Fault.CHANGED) in await trail.breaks()


_LONG_AGO = "FOR VALUES FROM ('1999-01-01') TO ('1999-02-01')"
_AWAY = "CREATE SCHEMA kept; ALTER TABLE audit SET SCHEMA kept;"
INSTEAD = {
    "a view": (_AWAY + "CREATE VIEW audit AS SELECT * FROM kept.audit", "audit is not the table"),
    "a table with another below it": (
        _AWAY + "CREATE TABLE audit (LIKE kept.audit INCLUDING ALL); CREATE TABLE below () INHERITS (audit)",
        "audit is not the table",
    ),
    "heads from a table below": (
        "CREATE TABLE below () INHERITS (audit_chains)",
        "audit_chains is not the table",
    ),
    "a partition of its own": (
        f"CREATE TABLE more PARTITION OF audit {_LONG_AGO}",
        "more is a partition of it that no part of the fleet made",
    ),
    "a partition that is split again": (
        f"CREATE TABLE audit_y1999m01 PARTITION OF audit {_LONG_AGO} PARTITION BY RANGE (timestamp)",
        "audit_y1999m01 is not the table",
    ),
    "a rule": ("CREATE RULE r AS ON INSERT TO audit DO INSTEAD NOTHING", "audit has a rule"),
    "a rule on a partition": ("CREATE RULE r AS ON UPDATE TO audit_default DO INSTEAD NOTHING", "default has a rule"),
    "a policy": (
        "CREATE POLICY hide ON audit USING (seq <> 4); ALTER TABLE audit FORCE ROW LEVEL SECURITY",
        "audit belongs to another role, or hides rows from its own",
    ),
    "a policy on the heads": ("ALTER TABLE audit_chains FORCE ROW LEVEL SECURITY", "audit_chains belongs to another"),
    "a column that is nothing": ("ALTER TABLE audit ALTER subject DROP NOT NULL", "has other columns"),
    "a column of another type": (
        "CREATE DOMAIN word AS text; ALTER TABLE audit ALTER principal TYPE word",
        "has other columns",
    ),
    "a column of another order": ('ALTER TABLE audit ALTER subject TYPE text COLLATE "C"', "has other columns"),
    "one more column": ("ALTER TABLE audit ADD x text", "has other columns"),
    "nothing": ("ALTER TABLE audit RENAME TO gone", 'relation "public.audit" does not exist'),
}


@pytest.mark.parametrize("instead", INSTEAD)
async def test_what_stands_in_the_place_of_the_trail_is_refused(trail: Trail, instead: str) -> None:
    sql, sentence = INSTEAD[instead]
    await trail.owner.execute(sql)
    with pytest.raises(PermanentError, match=sentence):
        await trail.breaks()


async def test_entries_that_nobody_exported_are_counted(trail: Trail) -> None:
    await trail.restart(3)
    found = await verify(trail.store, trail.exported)
    assert (found.sound, found.unexported) == (True, 3)
    await trail.owner.execute(
        "DELETE FROM audit WHERE chain = 'bot:anna' AND seq > 7;"
        "UPDATE audit_chains c SET seq = 7, hash = a.hash FROM audit a WHERE c.chain = a.chain AND a.seq = 7"
    )
    assert await trail.breaks() == []  # said in docs/security.md
    await trail.export()
    await trail.restart(1)
    await trail.export()
    assert await trail.breaks() == []


async def _age(trail: Trail, through: int, days: int) -> None:
    """Entries up to ``through`` are ``days`` old, in a partition of their month, as if they had been written then."""
    month = await trail.owner.fetchval("SELECT date_trunc('month', now() - make_interval(days => $1))", days)
    following = await trail.owner.fetchval("SELECT $1::timestamptz + interval '1 month'", month)
    await trail.owner.execute(
        f"CREATE TABLE audit_{month:y%Ym%m} PARTITION OF audit FOR VALUES FROM ('{month}') TO ('{following}');"
        "UPDATE audit SET timestamp = timestamp - make_interval(days => "
        f"{days}) WHERE chain = 'bot:anna' AND seq <= {through};" + REHASH
    )
    trail.exported.clear()
    await trail.export()


async def _drop_old(trail: Trail, keep_days: int) -> bool:
    async with trail.database.supervisor.transaction(SYSTEM) as tx:
        return await tx.audit.drop_old(keep_days)


async def test_retention_drops_whole_months_and_the_chain_still_verifies(trail: Trail) -> None:
    await _age(trail, 4, days=200)
    assert not await _drop_old(trail, 300)
    assert await _drop_old(trail, 100)
    assert await trail.owner.fetchval("SELECT min(seq) FROM audit WHERE chain = 'bot:anna'") == 5
    assert await trail.owner.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit'::regclass") == 4
    told = await trail.owner.fetchrow("SELECT * FROM audit WHERE noun = 'audit'")
    assert (told["action"], told["principal"], told["chain"]) == ("delete", "system:supervisor", "fleet")
    found = await verify(trail.store, trail.exported)
    assert (found.breaks, found.unexported) == ((), 1)
    assert not await _drop_old(trail, 100)
    await trail.owner.execute("DELETE FROM audit WHERE noun = 'audit'")
    assert Break(CHAIN, 4, Fault.DROPPED) in (await verify(trail.store, [])).breaks
    await trail.owner.execute("DELETE FROM audit WHERE chain = 'bot:anna' AND seq = 5")
    assert (CHAIN, 5, Fault.MISSING) in await trail.breaks()


async def test_retention_keeps_90_days_whatever_it_is_told(trail: Trail) -> None:
    await _age(trail, 4, days=85)
    assert not await _drop_old(trail, 1)


async def test_an_open_transaction_puts_retention_off_and_nobody_waits(trail: Trail) -> None:
    await _age(trail, 4, days=200)
    await talk(trail.bot)
    hostile = await trail.database.connect(trail.bot.url)
    held = hostile.transaction()
    await held.start()
    await hostile.execute("UPDATE user_profiles SET opted_out_at = now() WHERE bot_id = 'anna'")
    patient = await trail.database.connect(trail.database.urls.supervisor)
    await patient.execute("SET lock_timeout = 0")  # the function has a limit of its own
    async with asyncio.timeout(10):
        with pytest.raises(asyncpg.LockNotAvailableError):
            await patient.fetchval("SELECT drop_old_audit(100)")
    with pytest.raises(StoreUnavailableError):
        await _drop_old(trail, 100)
    await trail.restart(1)
    await held.rollback()
    assert await _drop_old(trail, 100)
    assert await trail.breaks() == []


async def test_what_is_written_while_it_is_read_is_no_break(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the heads and the entries: a new entry on an old chain, and a new chain."""
    async with trail.store.transaction(SYSTEM) as tx:
        before = [await tx.audit.heads()]
    await trail.restart(1)
    await trail.database.add_bot("bella")
    read = Audit.heads

    async def as_before(audit: Audit) -> list[ChainHead]:
        return before.pop() if before else await read(audit)

    monkeypatch.setattr(Audit, "heads", as_before)
    assert await trail.breaks() == []
    assert not before
