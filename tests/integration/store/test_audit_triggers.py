"""What the triggers write, about what, in whose name, and what they keep out."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from hanfleet.core.messages import InboundMessage, Person, UpdateBatch
from hanfleet.core.states import DesiredState
from hanfleet.kit.requests import serving
from hanfleet.store.operator_records import Role
from hanfleet.store.principals import SystemPrincipal
from tests.integration.store.conversation_steps import NOON, clear
from tests.support.database import OPERATOR, SYSTEM, BotLogIn, Database


async def entries(database: Database, noun: str = "%") -> list[Any]:
    """What stands of ``noun`` (default: of any bot), in the order of each chain."""
    raw = await database.connect()
    await raw.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    rows: list[Any] = await raw.fetch(
        "SELECT * FROM audit WHERE noun LIKE $1 AND (chain <> 'fleet' OR $1 <> '%') ORDER BY timestamp, chain, seq",
        noun,
    )
    return rows


async def talk(bot: BotLogIn, chat_id: int = 10) -> None:
    """A contact writes for the first time."""
    inbound = UpdateBatch(None, (InboundMessage(chat_id, 1, "MARKER-text", NOON, Person(chat_id, "MARKER-name")),))
    async with bot.store.transaction(bot.principal) as tx:
        await tx.inbox.take(bot.bot_id, inbound, NOON, 0, clear)


async def test_a_bots_configuration_and_what_is_wanted_of_it(database: Database) -> None:
    config = {"name": "Anna", "llm": {"model": "a", "timeout_s": 1.0}, "telegram_phone": "+4911111"}
    async with database.api.transaction(OPERATOR) as tx:
        await tx.bots.add("anna", config)
        changed = {**config, "llm": {"model": "b", "timeout_s": 1.0}, "telegram_phone": "+4922222"}
        await tx.bots.set_config("anna", changed)
        await tx.bots.set_desired("anna", DesiredState.RUNNING)
        await tx.bots.request_restart("anna")
    born, configured, wanted, again = await entries(database)
    assert {row["chain"] for row in (born, configured, wanted, again)} == {"bot:anna"}
    assert {row["principal"] for row in (born, configured, wanted, again)} == {"operator:olga"}
    assert [row["seq"] for row in (born, configured, wanted, again)] == [1, 2, 3, 4]
    assert (born["action"], born["noun"], born["subject"], born["bot_id"]) == ("insert", "bot", "anna", "anna")
    assert born["new_values"]["config"]["llm"] == {"model": "a", "timeout_s": 1.0}
    assert configured["old_values"] == {
        "config": {"llm": {"model": "a"}, "telegram_phone": "(not kept)"},
        "config_version": 1,
    }
    assert configured["new_values"] == {
        "config": {"llm": {"model": "b"}, "telegram_phone": "(not kept)"},
        "config_version": 2,
    }
    assert (wanted["old_values"], wanted["new_values"]) == ({"desired_state": "stopped"}, {"desired_state": "running"})
    assert again["new_values"] == {"restart_generation": 1}
    assert "4911111" not in str(born)
    assert "4922222" not in str(configured)


async def test_a_password_in_the_models_address_is_left_out(database: Database) -> None:
    async with database.api.transaction(OPERATOR) as tx:
        await tx.bots.add(
            "anna", {"name": "Anna", "llm": {"base_url": "https://MARKER:MARKER@models.example:8/v1?key=MARKER#MARKER"}}
        )
    (born,) = await entries(database)
    assert born["new_values"]["config"]["llm"]["base_url"] == "https://models.example:8/v1"


async def test_what_happens_to_a_bot_by_itself_is_no_entry(database: Database) -> None:
    bot = await database.add_bot()
    before = len(await entries(database))
    async with database.supervisor.transaction(SYSTEM) as tx:
        row = await tx.bots.get("anna")
        assert row is not None
        await tx.bots.plan_restart("anna", 2, None)
        await tx.bots.mark_generation("anna", 1)
    await talk(bot)
    await talk(bot)
    assert len(await entries(database)) == before


async def test_of_secrets_and_keys_only_names_and_fingerprints(database: Database) -> None:
    await database.add_bot()
    async with database.api.transaction(OPERATOR) as tx:
        await tx.secrets.put("anna", "openai_api_key", b"MARKER-1")
        await tx.secrets.put("anna", "openai_api_key", b"MARKER-2")
        await tx.secrets.drop("anna", "openai_api_key")
        await tx.keys.add("anna", b"MARKER-3")
    put, replaced, dropped = await entries(database, "secret")
    assert [row["action"] for row in (put, replaced, dropped)] == ["insert", "update", "delete"]
    assert {row["subject"] for row in (put, replaced, dropped)} == {"openai_api_key"}
    assert put["new_values"]["sealed"].startswith("sha256:")
    key = {"bot_id": "anna", "name": "openai_api_key"}
    assert {**replaced["old_values"], **key} == put["new_values"]
    assert {**replaced["new_values"], **key} == dropped["old_values"] != put["new_values"]
    (key,) = await entries(database, "key")
    assert (key["subject"], key["new_values"]["key_id"]) == ("1", 1)
    everything = str(await entries(database))
    assert "MARKER" not in everything
    assert b"MARKER".hex() not in everything


async def test_roles_are_named_by_who_made_them(database: Database) -> None:
    bot = await database.add_bot()
    (made,) = await entries(database, "role")
    assert (made["subject"], made["bot_id"]) == (bot.role_name, "anna")
    assert (made["principal"], made["db_role"]) == ("system:provisioner", f"hf_{database.install_id}_provisioner")
    request = UUID("0193a5d0-0000-7000-8000-000000000002")
    with serving(request):
        await database.provisioner.drop_bot_role("anna")
    made, dropped = await entries(database, "role")
    assert [(row["action"], row["request_id"]) for row in (made, dropped)] == [
        ("insert", None),
        ("delete", str(request)),
    ]
    assert dropped["principal"] == "system:provisioner"


async def test_of_contacts_only_which_columns_were_set(database: Database) -> None:
    bot = await database.add_bot()
    await talk(bot)
    async with database.api.transaction(OPERATOR) as tx:
        await tx.contacts.set_paused("anna", 10, NOON)
        await tx.contacts.set_paused("anna", 10, None)
    async with bot.store.transaction(bot.principal) as tx:
        await tx.contacts.set_opted_out("anna", 10, NOON)
        contact = await tx.contacts.get("anna", 10)
    assert contact is not None
    paused, resumed, opted_out = await entries(database, "contact")
    assert {row["subject"] for row in (paused, resumed, opted_out)} == {str(contact.id)}
    assert (paused["old_values"], paused["new_values"]) == ({"paused_at": None}, {"paused_at": "set"})
    assert (resumed["old_values"], resumed["new_values"]) == ({"paused_at": "set"}, {"paused_at": None})
    assert opted_out["new_values"] == {"opted_out_at": "set"}
    assert (paused["chain"], opted_out["chain"]) == ("bot:anna", "worker:anna")
    assert (paused["principal"], opted_out["principal"]) == ("operator:olga", "bot:anna")
    everything = str(await entries(database))
    assert "MARKER" not in everything
    assert "chat_id" not in everything


async def test_nothing_of_a_contact_is_found_anywhere_in_the_trail(database: Database) -> None:
    bot = await database.add_bot()
    chat_id = 7_770_001_777
    person = Person(chat_id, "MARKER-name", "MARKER-username", "MARKER-language")
    inbound = UpdateBatch(None, (InboundMessage(chat_id, 1, "MARKER-text", NOON, person),))
    async with bot.store.transaction(bot.principal) as tx:
        await tx.inbox.take("anna", inbound, NOON, 0, clear)
    raw = await database.connect(bot.url)
    profile = '{"city": "MARKER-fact"}'
    await raw.execute("UPDATE user_profiles SET profile_data = $1 WHERE bot_id = 'anna'", profile)
    for column in ("disclosed_at", "opted_out_at", "paused_at"):
        await raw.execute(f"UPDATE user_profiles SET {column} = now(), name = 'MARKER-other' WHERE bot_id = 'anna'")
    await (await database.connect()).execute("DELETE FROM user_profiles")
    found = await entries(database, "contact")
    assert [row["action"] for row in found] == ["update", "update", "update", "delete"]
    admin = await database.connect()
    for (row,) in await admin.fetch("SELECT a::text FROM audit a"):
        assert "MARKER" not in row
        assert str(chat_id) not in row


async def test_a_time_that_is_changed_is_an_entry_too(database: Database) -> None:
    bot = await database.add_bot()
    await talk(bot)
    raw = await database.connect(bot.url)
    for day in ("2026-01-01", "2026-01-02"):
        await raw.execute(f"UPDATE user_profiles SET disclosed_at = '{day}' WHERE bot_id = 'anna'")
    changed = (await entries(database, "contact"))[1]
    assert changed["old_values"] == changed["new_values"] == {"disclosed_at": "set"}


async def test_an_erased_contact_is_one_entry_and_an_erased_bot_is_one(database: Database) -> None:
    bot = await database.add_bot()
    await talk(bot, 10)
    await talk(bot, 11)
    raw = await database.connect()
    await raw.execute("DELETE FROM user_profiles WHERE bot_id = 'anna' AND chat_id = 10")
    (erased,) = await entries(database, "contact")
    assert (erased["action"], erased["old_values"]) == ("delete", {})
    await database.provisioner.drop_bot_role("anna")
    before = len(await entries(database))
    async with database.api.transaction(SYSTEM) as tx:
        await tx.secrets.put("anna", "openai_api_key", b"sealed")
        await tx.bots.erase("anna")
    after = (await entries(database))[before:]
    assert [(row["noun"], row["action"]) for row in after] == [("secret", "insert"), ("bot", "delete")]
    assert after[-1]["principal"] == "system:supervisor"


async def test_a_bot_cannot_say_that_it_is_somebody_else(database: Database) -> None:
    bot = await database.add_bot()
    await talk(bot)
    raw = await database.connect(bot.url)
    await raw.execute("SET hanfleet.principal = 'operator:olga'")
    await raw.execute("SET hanfleet.request_id = 'forged'")
    await raw.execute("UPDATE user_profiles SET paused_at = now() WHERE bot_id = 'anna'")
    await raw.execute("SET hanfleet.principal = 'system:import'")
    await raw.execute("UPDATE user_profiles SET paused_at = NULL WHERE bot_id = 'anna'")
    for row in await entries(database, "contact"):
        assert (row["principal"], row["chain"], row["request_id"]) == ("bot:anna", "worker:anna", None)
        assert row["db_role"] == bot.role_name
    assert len(await entries(database, "contact")) == 2


async def test_who_says_nothing_is_named_by_the_role(database: Database) -> None:
    raw = await database.connect(database.urls.supervisor)
    await database.add_bot()
    await raw.execute("UPDATE bots SET desired_state = 'running' WHERE bot_id = 'anna'")
    assert (await entries(database, "bot"))[-1]["principal"] == f"role:hf_{database.install_id}_supervisor"


async def test_only_the_owner_can_import_without_an_entry_for_each_row(database: Database) -> None:
    owner = await database.store(database.urls.owner)
    for store, count in ((owner, 0), (database.api, 1)):
        bot_id = f"bot{count}"
        async with store.transaction(SystemPrincipal("import")) as tx:
            await tx.bots.add(bot_id, {"name": "x"})
        assert len(await entries(database)) == count


async def test_a_requests_id_reaches_the_entry_and_the_event(database: Database) -> None:
    await database.add_bot()
    request = UUID("0193a5d0-0000-7000-8000-000000000001")
    with serving(request):
        async with database.api.transaction(OPERATOR) as tx:
            await tx.bots.set_desired("anna", DesiredState.RUNNING)
    async with database.api.transaction(OPERATOR) as tx:
        await tx.bots.set_desired("anna", DesiredState.STOPPED)
        events = await tx.events.list(bot_id="anna", type="bot.lifecycle.desired")
    assert [row["request_id"] for row in await entries(database, "bot")] == [None, str(request), None]
    assert [event.correlation_id == request for event in events] == [True, False]


BEFORE, AFTER = str(UUID(int=1)), str(UUID(int=2))
#: What gives a row of anna's to ben, or to nobody, or another name: the noun, and what the entry says of it.
MOVED = {
    "UPDATE bots SET config_version = 77": ("bot", {"config_version": 1}, {"config_version": 77}),
    "UPDATE secrets SET name = 'b'": ("secret", {"name": "a"}, {"name": "b"}),
    "UPDATE secrets SET bot_id = 'ben'": ("secret", {"bot_id": "anna"}, {"bot_id": "ben"}),
    "UPDATE bot_keys SET key_id = 5": ("key", {"key_id": 1}, {"key_id": 5}),
    "UPDATE bot_keys SET bot_id = 'ben'": ("key", {"bot_id": "anna"}, {"bot_id": "ben"}),
    "UPDATE bot_roles SET role_name = 'x' WHERE bot_id = 'anna'": ("role", {"role_name": "@anna@"}, {"role_name": "x"}),
    "UPDATE grants SET bot_id = NULL": ("grant", {"bot_id": "anna"}, {"bot_id": None}),
    "UPDATE grants SET bot_id = 'ben'": ("grant", {"bot_id": "anna"}, {"bot_id": "ben"}),
    f"UPDATE grants SET id = '{AFTER}'": ("grant", {"id": BEFORE}, {"id": AFTER}),
    f"UPDATE tokens SET id = '{AFTER}'": ("token", {"id": BEFORE}, {"id": AFTER}),
    "UPDATE tokens SET operator = 'owner'": ("token", {"operator": "vera"}, {"operator": "owner"}),
    "UPDATE webhooks SET bot_id = NULL": ("webhook", {"bot_id": "anna"}, {"bot_id": None}),
    f"UPDATE webhooks SET id = '{AFTER}'": ("webhook", {"id": BEFORE}, {"id": AFTER}),
    "UPDATE user_profiles SET chat_id = 2": ("contact", {"chat_id": "set"}, {"chat_id": "set"}),
    f"UPDATE user_profiles SET id = '{AFTER}'": (
        "contact", {"id": BEFORE}, {"id": AFTER},
    ),
    "UPDATE erasures SET bot_id = 'ben'": ("erasure", {"bot_id": "anna"}, {"bot_id": "ben"}),
}  # fmt: skip


async def _row_of_each(database: Database) -> Any:
    """Anna has one of everything, ben nothing but himself; gives a superuser's log-in."""
    for bot_id in ("anna", "ben"):
        await database.add_bot(bot_id)
    raw = await database.connect()
    await raw.execute(f"""
        INSERT INTO secrets VALUES ('anna', 'a', 'x');
        INSERT INTO bot_keys (bot_id, key_id, wrapped, after_epoch) VALUES ('anna', 1, 'x', 1);
        INSERT INTO operators (name) VALUES ('vera');
        INSERT INTO grants (id, operator, bot_id, role, granted_by) VALUES ('{BEFORE}', 'vera', 'anna', 'viewer', 'x');
        INSERT INTO tokens (id, operator, name, hash, scopes, created_at)
        VALUES ('{BEFORE}', 'vera', 'x', sha256(''), '{{}}', now());
        INSERT INTO webhooks (id, bot_id, url, secret_sealed, event_types, created_at, updated_at)
        VALUES ('{BEFORE}', 'anna', 'https://x', 'x', '{{*}}', now(), now());
        INSERT INTO user_profiles (bot_id, id, chat_id, opted_out_at, created_at)
        VALUES ('anna', '{BEFORE}', 1, now(), now());
        INSERT INTO erasures (id, kind, bot_id, mark, requested_by, requested_at)
        VALUES ('{BEFORE}', 'contact', 'anna', 'x', 'x', now())""")
    return raw


async def test_a_row_that_is_moved_to_another_key_is_an_entry_that_names_both(database: Database) -> None:
    raw = await _row_of_each(database)
    await raw.execute("DELETE FROM grants WHERE operator <> 'vera'")
    role = await raw.fetchval("SELECT role_name::text FROM bot_roles WHERE bot_id = 'anna'")
    for statement, (noun, old, new) in MOVED.items():
        async with _undone(raw):
            before = await raw.fetchval("SELECT count(*) FROM audit")
            await raw.execute(statement)
            told = await raw.fetch(
                "SELECT noun, old_values::text AS old, new_values::text AS new FROM audit ORDER BY timestamp OFFSET $1",
                before,
            )
            said = [
                (row["noun"], json.loads(row["old"].replace(role, "@anna@")), json.loads(row["new"])) for row in told
            ]
            assert (noun, old, new) in said, statement


async def test_the_api_moves_no_row_to_another_key(database: Database) -> None:
    await _row_of_each(database)
    api = await database.connect(database.urls.api)
    await api.execute("SET hanfleet.principal = 'system:api'")
    for statement in MOVED:
        if "config_version" not in statement:  # counts what the API changes
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await api.execute(statement)


@asynccontextmanager
async def _undone(raw: Any) -> AsyncIterator[None]:
    transaction = raw.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def test_operators_their_grants_tokens_and_webhooks(database: Database) -> None:
    await database.add_bot()
    async with database.api.transaction(OPERATOR) as tx:
        await tx.operators.add("vera")
        await tx.operators.grant("vera", Role.VIEWER, bot_id="anna")
        await tx.operators.grant("vera", Role.OWNER)
        await tx.operators.revoke("vera")
        await tx.operators.disable("vera")
    raw = await database.connect()
    await raw.execute("UPDATE operators SET password_hash = '$argon2MARKER' WHERE name = 'vera'")
    await raw.execute(
        "INSERT INTO tokens (id, operator, name, hash, scopes, created_at)"
        " VALUES (gen_random_uuid(), 'vera', 'ci', sha256('MARKER'), '{bots:read}', now())"
    )
    await raw.execute("UPDATE tokens SET last_used_at = now()")
    await raw.execute("UPDATE tokens SET revoked_at = now()")
    await raw.execute(
        "INSERT INTO webhooks (id, bot_id, url, secret_sealed, event_types, created_at, updated_at)"
        " VALUES (gen_random_uuid(), 'anna', 'https://MARKER.example/MARKER', 'MARKER', '{*}', now(), now())"
    )
    await raw.execute("DELETE FROM operators WHERE name = 'vera'")
    operators = [row for row in await entries(database, "operator") if row["subject"] == "vera"]
    assert [row["action"] for row in operators] == ["insert", "update", "update", "delete"]
    assert operators[1]["new_values"] == {"disabled_at": "set"}
    grants = [row for row in await entries(database, "grant") if row["subject"] == "vera"]
    assert [(row["chain"], row["action"]) for row in grants] == [
        ("bot:anna", "insert"), ("fleet", "insert"), ("fleet", "delete"),
    ]  # fmt: skip
    given = {"operator": "vera", "bot_id": "anna", "role": "viewer", "granted_by": "operator:olga"}
    assert {column: grants[0]["new_values"][column] for column in given} == given
    made, revoked = await entries(database, "token")
    assert (made["new_values"]["scopes"], revoked["new_values"]) == (["bots:read"], {"revoked_at": "set"})
    (webhook,) = await entries(database, "webhook")
    assert webhook["new_values"]["url"].startswith("sha256:")
    assert "MARKER" not in str([made, webhook, *operators])
    assert b"MARKER".hex() not in str(webhook)
