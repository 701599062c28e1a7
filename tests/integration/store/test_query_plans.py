"""Every statement on the large tables finds its rows by an index, in the partition of its bot or in the months that it
asks for, at 1,000,000 messages.

A statement that is new in `hanfleet.store` is looked at without being named here. Those that read whole tables by
design are named, or (backup, what a downgrade would lose) made in functions and not among these.
"""

import re
from typing import Any

import pytest

from tests.support.database import OPERATOR, Database
from tests.support.planning import BOT, Statement, faults, functions, plan, put_statistics, statements

#: In the planner's units, of which a page read in order is 1 and a row 0.01: some 5 ms of work.
_COST_LIMIT = 1_000
_ALL_EVENTS = "reads all events of one bot, which is rare: an erasure"
_ALL_SEALED = "reads all messages of one bot, which is rare: a rotation of its keys"
_COUNT_SEALED = "sealed_values.count messages.text_sealed"
#: Statements that may cost more, and why.
_COSTLY = {
    "bots._ERASE_EVENTS": (15_000, _ALL_EVENTS),
    "erasures._CHATS_OF_EVENTS": (15_000, _ALL_EVENTS),
    "imports._DROP_CONVERSATION": (15_000, "looks through a bot's outbox, when an import is taken back"),
    "events._OF_ALL": (5_000, "of all bots, by time; looks through the time asked for when a type is wanted"),
    "events._UNPUBLISHED": (15_000, "some rows of each bot that waits, and the planner believes in a hundred of these"),
    "messages._SEARCH": (10_000, "as many rows as pages ask for"),
    "sealed_values.stale messages.text_sealed, clear, first page": (15_000, _ALL_SEALED),
    "sealed_values.stale messages.text_sealed, clear, next page": (15_000, _ALL_SEALED),
    _COUNT_SEALED: (15_000, _ALL_SEALED),
}

#: Verification of the trail reads all of it, one after the other.
_READS_ALL = {"evidence._LINKS"}

#: Much dearer than the custom plan, so PostgreSQL never takes it of itself; and nobody forces it.
_NEVER_GENERIC = {_COUNT_SEALED}


@pytest.fixture
async def admin(database: Database) -> Any:
    await database.add_bot(BOT)
    connection = await database.connect()
    await put_statistics(connection)
    return connection


async def _parents(admin: Any) -> dict[str, str]:
    rows = await admin.fetch(
        "SELECT inhrelid::regclass::text AS part, inhparent::regclass::text AS parent FROM pg_inherits"
    )
    return {row["part"]: row["parent"] for row in rows}


async def _roles(database: Database, admin: Any) -> dict[str, Any]:
    """Connections of all who run statements."""
    bot = await database.provisioner.rotate(BOT)
    urls = {
        "bot": bot.url,
        "supervisor": database.urls.supervisor,
        "relay": database.urls.relay,
        "api": database.urls.api,
        "owner": database.urls.owner,
    }
    roles = {role: await database.connect(url) for role, url in urls.items()}
    await roles["api"].execute(f"SET hanfleet.principal = '{OPERATOR.setting}'")
    return roles


async def _complaints(database: Database, admin: Any, asked: list[Statement]) -> tuple[list[str], set[str]]:
    """What is wrong, and the names of the statements that nobody may run."""
    parents = await _parents(admin)
    found: list[str] = []
    never = {statement.name for statement in asked}
    for role, connection in (await _roles(database, admin)).items():
        for statement in asked:
            if statement.name.startswith("sealed_values.") and role != "owner":
                continue
            for generic in (False,) if statement.name in _NEVER_GENERIC else (False, True):
                tree = await plan(connection, statement, generic=generic)
                if tree is None:
                    break
                never.discard(statement.name)
                # Services plan with the values at hand. A worker does not, and its costs are guesses at what those are.
                limit = (
                    _COSTLY.get(statement.name, (_COST_LIMIT, ""))[0] if role == "bot" or not generic else float("inf")
                )
                found += [
                    f"{statement.name} as {role}, {'generic' if generic else 'custom'} plan: it {fault}"
                    for fault in faults(tree, parents, cost_limit=limit, months=statement.months)
                ]
    return found, never


async def test_every_statement_finds_its_rows_by_an_index_in_one_partition(database: Database, admin: Any) -> None:
    known = [*statements(), *await functions(admin)]
    asked = [statement for statement in known if statement.name not in _READS_ALL]
    names = {statement.name for statement in known}
    assert names >= _READS_ALL
    assert names >= {
        "inbox._TAKE_INBOUND",
        "turns._COMMIT",
        "conversations._TALK",
        "mark_published()",
        "audit._LIST_OF_BOT",
    }
    assert names >= _COSTLY.keys()
    assert len([name for name in names if name.startswith("sealed_values.")]) == 6
    assert len(asked) > 50
    complaints, never = await _complaints(database, admin, asked)
    assert not complaints, "\n".join(complaints)
    assert not never


async def test_a_missing_index_or_bot_is_noticed(database: Database, admin: Any) -> None:
    known = {statement.name: statement for statement in statements()}
    asked = [known["conversations._TALK"], known["inbox._DELETE"]]
    assert await _complaints(database, admin, asked) == ([], set())
    await admin.execute("DROP INDEX messages_talk; DROP INDEX messages_telegram")
    # A bot that forgets its name is still known by its log-in; the others would look everywhere.
    without_bot = Statement("x", "SELECT 1 FROM conversations WHERE id = $1", ("id",))
    complaints, _ = await _complaints(database, admin, [*asked, without_bot])
    for statement in (*asked, without_bot):
        assert any(complaint.startswith(f"{statement.name} as") for complaint in complaints), statement.name
    assert any("looks into 8 parts of conversations" in complaint for complaint in complaints)


async def test_a_query_of_one_day_that_reads_all_months_is_noticed(database: Database, admin: Any) -> None:
    known = {statement.name: statement for statement in statements()}
    bounded = {"events._OF_BOT", "events._OF_ALL", "audit._LIST", "audit._LIST_OF_BOT"}
    assert {name for name in known if known[name].months} >= bounded
    for name in bounded:
        product = known[name]
        # The same rows by the same index, but the planner cannot tell any more which months hold them.
        unbounded = re.sub(r"\btimestamp (<=?|>=) ", r"timestamp + interval '0' \1 ", product.text)
        assert unbounded != product.text
        assert await _complaints(database, admin, [product]) == ([], set())
        complaints, _ = await _complaints(database, admin, [Statement(name, unbounded, product.parameters)])
        assert any("months of" in complaint for complaint in complaints), complaints
