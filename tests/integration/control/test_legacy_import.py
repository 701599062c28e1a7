"""The old bot's folder in a real database: brought, compared, brought again, taken back without a trace."""

import json
from collections import Counter
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hanfleet.control.legacy import Difference, LegacyFolder, compare, import_folder, take_back
from hanfleet.control.legacy.bounding import fitting
from hanfleet.control.legacy.cleaning import clean_text
from hanfleet.core.errors import ConflictError, NotFoundError
from hanfleet.core.states import DesiredState
from hanfleet.kit.identity import new_id
from hanfleet.store import migrate
from hanfleet.store.operator_records import Role
from hanfleet.store.records import ScheduleKind
from hanfleet.store.session import Store
from hanfleet.vault import MasterKey
from tests.integration.store.conversation_steps import message as inbound
from tests.integration.store.conversation_steps import take
from tests.support.database import SYSTEM, Database
from tests.support.legacy import (
    ENV,
    NOW,
    OVER_BOUNDS,
    SAMPLE,
    anything,
    later_plan,
    logs,
    message,
    over_bounds,
    stamp,
    write,
    write_session,
)

KEY = MasterKey(b"m" * 32)
SOUND_STAMPS = {stamp(number) for number in range(12)}


class Desk:
    """Does what the command does."""

    def __init__(self, database: Database, store: Store) -> None:
        self.database = database
        self.store = store

    async def bring(self, root: Path, bot_id: str = "mira") -> Counter[str]:
        return await import_folder(self.store, KEY, bot_id, self.read(root), self.database.clock, _quiet)

    async def differences(self, root: Path, bot_id: str = "mira") -> list[Difference]:
        return await compare(self.store, KEY, bot_id, self.read(root), self.database.clock, _quiet)

    async def take_back(self, bot_id: str = "mira") -> Counter[str]:
        return await take_back(self.store, bot_id, _quiet)

    def read(self, root: Path) -> LegacyFolder:
        return LegacyFolder(root, NOW)

    async def dump(self) -> dict[str, list[str]]:
        """Every row of every table but the audit trail's, as text."""
        raw = await self.database.connect()
        tables = await raw.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition AND NOT starts_with(relname, 'audit')"
        )
        dumped = {}
        for table in tables:
            rows = await raw.fetch(f"SELECT t::text AS row FROM {table['relname']} t")
            dumped[table["relname"]] = sorted(row["row"] for row in rows)
        await raw.close()
        return dumped

    async def talk(self, bot_id: str, chat_id: int) -> list[Any]:
        """The messages in the order in which the product shows them."""
        raw = await self.database.connect()
        rows = await raw.fetch("SELECT * FROM messages WHERE bot_id = $1 AND chat_id = $2 ORDER BY id", bot_id, chat_id)
        await raw.close()
        return list(rows)


def _quiet(_done: int, _total: int, _messages: int) -> None:
    pass


@pytest.fixture
async def desk(database: Database) -> Desk:
    return Desk(database, await database.store(database.urls.owner))


async def test_the_sample_comes_in_word_for_word_and_goes_without_a_trace(desk: Desk) -> None:
    before = await desk.dump()
    new = await desk.bring(SAMPLE)
    assert (new["bots"], new["contacts"], new["messages"]) == (1, 6, 48)
    for path in (SAMPLE / "conversations").iterdir():
        rows = await desk.talk("mira", int(path.stem))
        for row, old in zip(rows, json.loads(path.read_text(encoding="utf-8")), strict=True):
            assert (row["text"], row["direction"]) == (old["text"], old["direction"])
            assert row["sent_at"].isoformat().replace("+00:00", "Z") == old["ts"]
            assert row["telegram_id"] is None
            assert row["author"] == {"in": "contact", "out": "bot"}[old["direction"]]
            assert not row["waiting"]
    async with desk.store.transaction(SYSTEM) as tx:
        contacts = await tx.contacts.list("mira")
    assert [contact.disclosed_at for contact in contacts] == [None] * 6
    assert await desk.differences(SAMPLE) == []

    imported = await desk.dump()
    assert not await desk.bring(SAMPLE)
    assert await desk.dump() == imported

    gone = await desk.take_back()
    assert (gone["bots"], gone["contacts"], gone["messages"]) == (1, 6, 48)
    assert await desk.dump() == before
    with pytest.raises(NotFoundError, match="Nothing was imported"):
        await desk.take_back()


async def test_settings_session_and_persona_come_sealed(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path / ".env", ENV)
    write(tmp_path / "persona.txt", "You are Mira, a painter.")
    write_session(tmp_path / "han_session.session")
    before = await desk.dump()
    assert await desk.bring(tmp_path) == {"bots": 1, "sessions": 1}
    dumped = str(await desk.dump())
    for secret in ("sk-secret", "0123456789abcdef", (b"k" * 256).hex(), ",-99,", ",-99)", "15550101"):
        assert secret not in dumped
    assert "a painter" in dumped
    assert await desk.differences(tmp_path) == []
    assert not await desk.bring(tmp_path)
    write_session_anew(tmp_path)
    assert [one.record for one in await desk.differences(tmp_path)] == ["session"]
    await desk.take_back()
    assert await desk.dump() == before


def write_session_anew(folder: Path) -> None:
    (folder / "han_session.session").unlink()
    write_session(folder / "han_session.session", key=b"n" * 256)


async def test_verify_names_what_was_changed(desk: Desk) -> None:
    await desk.bring(SAMPLE)
    raw = await desk.database.connect()
    row = await raw.fetchrow("SELECT id, chat_id FROM messages WHERE text LIKE 'Long%' LIMIT 1")
    await raw.execute("UPDATE messages SET text = text || ' ' WHERE id = $1", row["id"])
    await raw.execute("DELETE FROM messages WHERE chat_id = 124651738 AND direction = 'out'")
    await raw.execute("UPDATE user_profiles SET profile_data = '{}' WHERE chat_id = 5442292975")
    found = [one.record for one in await desk.differences(SAMPLE)]
    assert len(found) == 3
    assert "chat 124651738, message 1" in found
    assert "chat 5442292975, profile" in found
    assert found[1].startswith(f"chat {row['chat_id']}, message ")


async def test_verify_says_how_much_of_which_file_was_left_unread(desk: Desk, tmp_path: Path) -> None:
    log = [message(number, str(number)) for number in range(200)]
    write(tmp_path / "conversations/5.json", "\x00" * 4096 + json.dumps(log)[4096:])
    write(tmp_path / "conversations/6.json", [*log, "no message"])
    write(tmp_path / "conversations/7.json", log)
    await desk.bring(tmp_path)
    torn = 200 - len(await desk.talk("mira", 5))
    assert 0 < torn < 100
    first, second = await desk.differences(tmp_path)
    assert (first.record, first.expected) == (
        "conversations/5.json",
        f"characters that could not be read: {json.dumps(log).index(json.dumps(log[torn]))}",
    )
    assert (second.record, second.expected) == ("conversations/6.json", "records that could not be read: 1")


@pytest.mark.parametrize("name", ["conversations/Ann.json", "girls_data/Ann.json", "backups/Ann/2025-06-01.json"])
async def test_verify_names_a_file_whose_chat_nobody_knows(desk: Desk, tmp_path: Path, name: str) -> None:
    write(tmp_path / name, [message(0, "said")])
    write(tmp_path / name.replace(".json", ".txt"), "a note beside it")
    await desk.bring(tmp_path)
    (only,) = await desk.differences(tmp_path)
    assert (only.record, only.expected) == (name, "files that could not be read: 1")


async def test_a_grown_folder_adds_only_what_is_new(desk: Desk, tmp_path: Path) -> None:
    talk = [message(number, str(number)) for number in range(6)]
    profile = tmp_path / "girls_data/5.json"
    write(tmp_path / "conversations/5.json", talk[:4])
    write(profile, {"chat_id": 5, "name": "Ann", "summary": {}, "previous_response_id": "r1"})
    before = await desk.dump()
    await desk.bring(tmp_path)
    write(tmp_path / "conversations/5.json", talk)
    write(profile, {"chat_id": 5, "name": "Anna", "summary": {"20250601000000": "s"}, "previous_response_id": "r2"})
    assert await desk.bring(tmp_path) == {"messages": 2, "refreshed": 2}
    assert [row["text"] for row in await desk.talk("mira", 5)] == list("012345")
    assert await desk.differences(tmp_path) == []
    await desk.take_back()
    assert await desk.dump() == before


async def test_a_backup_that_turns_up_later_finds_its_place_and_doubles_nothing(desk: Desk, tmp_path: Path) -> None:
    talk = [message(number, str(number % 4)) for number in range(6)]
    write(tmp_path / "conversations/5.json", talk[3:])
    before = await desk.dump()
    await desk.bring(tmp_path)
    write(tmp_path / "backups/5/2025-06-01.json", {"messages": talk[:4]})
    assert await desk.bring(tmp_path) == {"messages": 3, "refreshed": 1}
    assert [row["text"] for row in await desk.talk("mira", 5)] == list("012301")
    assert await desk.differences(tmp_path) == []
    imported = await desk.dump()
    (tmp_path / "backups/5/2025-06-01.json").unlink()
    assert not await desk.bring(tmp_path)
    assert await desk.dump() == imported
    await desk.take_back()
    assert await desk.dump() == before


async def test_what_came_later_stays(desk: Desk, tmp_path: Path) -> None:
    """A living bot with contacts of its own gets the old data and loses only those again."""
    bot = await desk.database.add_bot()
    await take(bot, inbound(10, chat_id=1))
    write(tmp_path / "girls_data/1.json", {"chat_id": 1, "name": "Ann", "profile": {"20250101000000": {"work": "art"}}})
    write(tmp_path / "conversations/1.json", [message(0, "old")])
    write(tmp_path / "conversations/2.json", [message(1, "older")])
    write(tmp_path / "conversations/3.json", [message(2, "oldest")])
    write(tmp_path / "girls_data/4.json", {"chat_id": 4, "name": "Zoë", "previous_response_id": "r"})
    await desk.bring(tmp_path, "anna")
    assert await desk.differences(tmp_path, "anna") == []
    await take(bot, inbound(11, chat_id=2))
    async with desk.store.transaction(SYSTEM) as tx:
        await tx.contacts.set_opted_out("anna", 4, NOW)
    assert next(row["text"] for row in await desk.talk("anna", 1)) == "old"

    gone = await desk.take_back("anna")
    assert gone == {"messages": 3, "conversations": 2, "kept_conversations": 1, "facts": 1, "contacts": 1,
                    "kept_contacts": 2, "metrics": 0}  # fmt: skip
    assert [row["telegram_id"] for row in await desk.talk("anna", 1)] == [10]
    assert [row["telegram_id"] for row in await desk.talk("anna", 2)] == [11]
    async with desk.store.transaction(SYSTEM) as tx:
        contacts = {contact.chat_id: contact for contact in await tx.contacts.list("anna")}
    assert contacts.keys() == {1, 2, 4}
    assert contacts[1].profile_data == contacts[2].profile_data == {}
    assert contacts[4].opted_out_at == NOW
    assert contacts[4].name == ""
    assert contacts[2].message_count == 1


async def test_a_bot_that_was_used_since_stays(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path / ".env", ENV)
    await desk.bring(tmp_path)
    async with desk.store.transaction(SYSTEM) as tx:
        await tx.bots.set_desired("mira", DesiredState.RUNNING)
    assert (await desk.take_back())["bots"] == 0
    async with desk.store.transaction(SYSTEM) as tx:
        assert await tx.bots.get("mira") is not None


async def test_what_the_fleet_keeps_of_an_imported_contact_stays(desk: Desk, tmp_path: Path) -> None:
    for chat_id in range(1, 5):
        write(tmp_path / f"conversations/{chat_id}.json", [message(0, "old")])
    await desk.bring(tmp_path)
    async with desk.store.transaction(SYSTEM) as tx:
        await tx.facts.learn("mira", 1, {"work": "a baker"})
        await tx.summaries.add("mira", 2, "they talked of bread", through=(await desk.talk("mira", 2))[0]["id"])
        await tx.schedules.plan("mira", 3, ScheduleKind.FOLLOW_UP, NOW)
    assert (await desk.take_back())["kept_contacts"] == 3
    dumped = await desk.dump()
    assert [len(dumped[table]) for table in ("facts", "summaries", "schedules", "bots")] == [1, 1, 1, 1]
    assert dumped["messages"] == []


async def test_a_bot_that_somebody_was_let_to_or_told_of_since_stays(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path / ".env", ENV)
    for bot_id in ("mira", "anna"):
        await desk.bring(tmp_path, bot_id)
    async with desk.store.transaction(SYSTEM) as tx:
        await tx.operators.grant("owner", Role.VIEWER, bot_id="mira")
        await tx.webhooks.add(new_id(), "https://example.org", b"sealed", ["bot.made"], bot_id="anna")
    for bot_id in ("mira", "anna"):
        assert (await desk.take_back(bot_id))["bots"] == 0
    dumped = await desk.dump()
    assert (len(dumped["bots"]), len(dumped["webhooks"])) == (2, 1)


async def test_a_removed_bot_takes_no_import(desk: Desk, tmp_path: Path) -> None:
    await desk.database.add_bot()
    async with desk.store.transaction(SYSTEM) as tx:
        await tx.bots.set_desired("anna", DesiredState.ARCHIVED)
    before = await desk.dump()
    with pytest.raises(ConflictError, match="was removed"):
        await desk.bring(tmp_path, "anna")
    assert await desk.dump() == before


async def test_an_import_that_breaks_leaves_nothing(desk: Desk) -> None:
    before = await desk.dump()

    def break_it(_done: int, _total: int, messages: int) -> None:
        assert messages  # they were written a moment ago
        raise RuntimeError("the light went out")

    with pytest.raises(RuntimeError, match="the light"):
        await import_folder(desk.store, KEY, "mira", desk.read(SAMPLE), desk.database.clock, break_it)
    assert await desk.dump() == before


async def test_what_no_row_holds_fails_no_import(desk: Desk, tmp_path: Path) -> None:
    for chat_id, value in enumerate(OVER_BOUNDS, 1):
        profile = {"name": value, "previous_response_id": value, "profile": {"20250101": value}, "odd": value}
        write(tmp_path / f"girls_data/{chat_id}.json", {"chat_id": chat_id, **profile})
        log = [{"ts": stamp(0), "direction": "in", "text": value, "mood": value}]
        write(tmp_path / f"conversations/{chat_id}.json", log)
    before = await desk.dump()
    assert (await desk.bring(tmp_path))["contacts"] == len(OVER_BOUNDS)
    assert await desk.differences(tmp_path) == []
    assert not await desk.bring(tmp_path)
    await desk.take_back()
    assert await desk.dump() == before


async def test_a_known_contact_whose_profile_is_full_keeps_it(desk: Desk, tmp_path: Path) -> None:
    bot = await desk.database.add_bot()
    await take(bot, inbound(10, chat_id=1))
    raw = await desk.database.connect()
    await raw.execute("UPDATE user_profiles SET profile_data = jsonb_build_object('full', repeat('x', 1000000))")
    await raw.close()
    write(tmp_path / "girls_data/1.json", {"chat_id": 1, "name": "Ann", "profile": {"20250101": "x" * 100_000}})
    folder = desk.read(tmp_path)
    await import_folder(desk.store, KEY, "anna", folder, desk.database.clock, _quiet)
    assert "a profile over what a row holds, together with what is known already" in folder.oddities.by_reason()
    async with desk.store.transaction(SYSTEM) as tx:
        (contact,) = await tx.contacts.list("anna")
    assert list(contact.profile_data) == ["full"]


async def test_the_migration_goes_down_with_an_import_in_it_and_up_again(desk: Desk) -> None:
    await desk.bring(SAMPLE)
    assert await migrate.downgrade(desk.database.urls.owner, "0001")
    assert await migrate.current(desk.database.urls.owner) == "0001"
    dumped = await desk.dump()
    assert "imports" not in dumped
    assert len(dumped["messages"]) == 48
    assert await migrate.upgrade(desk.database.urls.owner)
    # What was imported is recognised without its marks, and not doubled.
    assert (await desk.bring(SAMPLE))["messages"] == 0
    assert len((await desk.dump())["messages"]) == 48


# What may lie in place of a sound file, or in it.
_odd_metrics = st.sampled_from(
    [
        {"history": [{"timestamp": stamp(0), "metrics": metrics}]}
        for metrics in ({"m" * 3_000: 1}, {"ok": 1e300}, {"ok": 10**300 + 1}, {"ok": 1e-300, "ok2": 1})
    ]
)
_odd_sessions = st.sampled_from(
    [
        "UPDATE sessions SET dc_id = 1 << 40",
        "UPDATE sessions SET port = 'none'",
        f"UPDATE sessions SET server_address = '{'1' * 70_000}'",
        "UPDATE update_state SET date = -62135596800",
        "UPDATE update_state SET date = 253402300799, pts = 'x'",
        f"UPDATE entities SET name = '{'ä' * 40_000}', username = '{'n' * 70_000}' WHERE id = 5",
        f"UPDATE entities SET hash = 'x', phone = '{'1' * 70_000}'",
    ]
)
_DAMAGES = [
    "none", "cut", "beheaded", "stray", "empty", "later plan", "bom", "joined", "restarted", "holed", "spoiled", "utf-16",
    "aside",
]  # fmt: skip
# Those that leave nothing as it should be, so each is in the report whatever the log was.
_ALWAYS_ODD = {"cut", "beheaded", "stray", "empty", "bom", "joined", "utf-16", "aside"}
# What can become of a record's text, so that the record is none any more: one quote too many, one too few, a hole.
# What can stand before a log, or in the place of its beginning.
_strays = st.sampled_from(["", "x", "\x00", "\n\x00", "<<<<<<< HEAD\n", "7 ", "{"])
_spoils = st.sampled_from(['"text": ""{}:', '"text": {}:', '"te\x00\x00\x00\x00"{}:'])


# Each damage in turn: drawn by chance, half of them would not come up in one run.
@pytest.mark.parametrize("first", _DAMAGES)
@settings(
    max_examples=4,
    phases=[Phase.generate],  # an example is as good as a smaller one, for which it would look for minutes
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
async def test_every_message_of_any_old_folder_is_found_again(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory, first: str, data: st.DataObject
) -> None:
    # An example that failed leaves its import; those that Hypothesis tries for a smaller one would pile up on it.
    with suppress(NotFoundError):
        await desk.take_back()
    root = tmp_path_factory.mktemp("old")
    expected: dict[int, list[dict[str, Any]]] = {}
    damaged: set[str] = set()
    odd: set[int] = set()
    for chat_id in data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, min_size=1, max_size=3)):
        log = data.draw(logs())
        damage = data.draw(st.sampled_from(_DAMAGES)) if expected else first
        expected[chat_id] = _write_log(root, chat_id, log, damage, data)
        if damage in ("stray", "beheaded") or len(expected[chat_id]) < len(log):
            damaged.add(f"conversations/{chat_id}.json")
        if damage in _ALWAYS_ODD:
            odd.add(chat_id)
        if data.draw(st.booleans()):
            profile = {
                data.draw(st.sampled_from(["chat_id", "telegram_id", "id"])): chat_id,
                "name": data.draw(anything | over_bounds),
                "previous_response_id": data.draw(anything | over_bounds),
                "profile": {"20250101000000": data.draw(anything | over_bounds), "20250601000000": "newest"},
                "odd": data.draw(anything | over_bounds),
            }
            write(root / f"girls_data/{chat_id}.json", json.dumps(profile))
    write(
        root / "girls_data.json", data.draw(st.sampled_from(["", "{", "[]", '{"girls": {"1": null}}', '{"girls": 5}']))
    )
    write(root / "metrics.json", json.dumps(data.draw(anything | _odd_metrics)))
    write(root / "fields.json", json.dumps(data.draw(anything | over_bounds)))
    if data.draw(st.booleans()):
        write_session(root / "han_session.session", odd=data.draw(_odd_sessions))
    before = await desk.dump()
    found_before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    folder = desk.read(root)
    assert {chat.chat_id for chat in folder.chats()} >= expected.keys()
    named = {entry.file.partition(".")[0] for entry in folder.oddities.entries}
    assert {f"conversations/{chat_id}" for chat_id in odd} <= named

    await desk.bring(root)
    for chat_id, log in expected.items():
        _assert_said(await desk.talk("mira", chat_id), log)
    differences = await desk.differences(root)
    assert all(" that could not be read: " in one.expected for one in differences)
    assert damaged <= {one.record for one in differences}
    imported = await desk.dump()
    assert not await desk.bring(root)
    assert await desk.dump() == imported
    await desk.take_back()
    assert await desk.dump() == before
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == found_before


def _assert_said(talk: list[Any], log: list[dict[str, Any]]) -> None:
    """The talk is the log: every text, who said it, in that order, and when, to the microsecond."""
    assert [row["text"] for row in talk] == [fitting(clean_text(values["text"])[0]) for values in log]
    assert [row["direction"] for row in talk] == [values["direction"] for values in log]
    for row, values in zip(talk, log, strict=True):
        if str(values["ts"]) in SOUND_STAMPS:
            assert row["sent_at"] == datetime.fromisoformat(values["ts"])
            assert row["created_at"] == row["sent_at"]


def _write_log(
    root: Path, chat_id: int, log: list[dict[str, Any]], damage: str, data: st.DataObject
) -> list[dict[str, Any]]:
    """Write a chat with one damage; gives the messages that must come out."""
    path = root / f"conversations/{chat_id}.json"
    sound = json.dumps(log)
    match damage:
        case "later plan":
            write(path, json.dumps(later_plan(log)))
        case "bom":
            write(path, b"\xef\xbb\xbf" + sound.encode())
        case "utf-16":
            write(path, json.dumps(log, ensure_ascii=False).encode("utf-16", "surrogatepass"))
        case "aside":
            write(path.with_suffix(".backup.20250601T090000.json"), sound)
        case "joined":
            write(path, sound + "[]")
        case "cut":
            # The crash came within the last record; the backup of that day has all of it, as is.
            write(path, sound[: data.draw(st.integers(0, max(0, len(sound) - 1)))])
            write(root / f"backups/{chat_id}/2025-06-01.json", json.dumps({"messages": log}))
        case "stray":
            write(path, data.draw(_strays.filter(bool)) + sound)
        case "beheaded":
            # Of the record that is cut no field is left that could be a record: the old bot wrote none.
            for values in log:
                values.pop("mood", None)
            sound = json.dumps(log, indent=data.draw(st.sampled_from([None, 2])))
            begins = [sound.index(json.dumps(f"{number}:")[:-1]) for number in range(len(log))]
            begins = [sound.rindex("{", 0, sound.rindex('"ts"', 0, begin)) for begin in begins]
            # A record at least: all is left when only the list's bracket goes, and --verify has nothing to tell.
            least = begins[0] + 1 if begins else 1
            cut = data.draw(st.integers(least, max([least, *begins])))
            # But "{", which could make a whole record of what is left of one.
            stray = data.draw(_strays.filter(lambda stray: stray != "{"))
            write(path, (stray if data.draw(st.booleans()) else "\x00" * cut) + sound[cut:])
            return [values for values, begin in zip(log, begins, strict=True) if begin >= cut]
        case "empty":
            write(path, "")
            write(root / f"backups/{chat_id}/2025-06-01.json", json.dumps({"chat_id": chat_id, "messages": log}))
        case "restarted":
            # Times that are none give no order between two stretches, so here all are sound.
            for number, values in enumerate(log):
                values["ts"] = message(number, "")["ts"]
            at = data.draw(st.integers(0, len(log)))
            write(path, json.dumps(log[at:]))
            write(root / f"backups/{chat_id}/2025-06-01.json", json.dumps({"messages": log[: len(log) // 2]}))
            write(root / f"backups/{chat_id}/2025-06-02.json", json.dumps({"messages": log[:at]}))
        case "holed":
            # Neighbours that both have say where it belongs, whatever the times are.
            first, last = sorted((data.draw(st.integers(0, len(log))), data.draw(st.integers(0, len(log)))))
            write(path, json.dumps(log[:first] + log[last:]))
            write(root / f"backups/{chat_id}/2025-06-01.json", json.dumps({"messages": log}))
        case "spoiled":
            sound = json.dumps(log, indent=data.draw(st.sampled_from([None, 2])))
            broken = {number for number in range(len(log)) if data.draw(st.integers(0, 2)) == 0}
            for number in broken:
                sound = sound.replace(f'"text": "{number}:', data.draw(_spoils).format(number), 1)
            write(path, sound)
            return [values for number, values in enumerate(log) if number not in broken]
        case _:
            write(path, sound)
    return log
