"""Every time, document and number that a bot may write is bounded: which there are is the catalog's to say."""

from typing import Any

import pytest
from asyncpg.exceptions import PostgresError

from tests.security.bounds import NEGATIVE_TOO, POISONS, poisoned, poisoning
from tests.security.scene import Scene, filled

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("red team")]

_COLUMNS = """
    SELECT relname::text AS table, attname::text AS column, format_type(atttypid, NULL) AS type
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND attnum > 0 AND NOT attisdropped AND format_type(atttypid, NULL) = ANY ($2)
      AND (has_column_privilege($1, c.oid, attnum, 'INSERT') OR has_column_privilege($1, c.oid, attnum, 'UPDATE'))
    ORDER BY relname, attnum"""

_INSERTABLE = """
    SELECT attname FROM pg_attribute WHERE attrelid = $2::text::regclass AND attnum > 0 AND NOT attisdropped
      AND has_column_privilege($1, attrelid, attnum, 'INSERT')"""


#: What constraints of this kind are called; older ones are named after their column.
_BOUNDS = ("readable_", "possible_", "outbox_merge_wait_ms", "outbox_read_wait_ms", "outbox_typing_ms")


async def _refusal(connection: Any, attack: str) -> str:
    """What refused it, and "" when nothing did."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(attack)
    except PostgresError as error:
        return str(getattr(error, "constraint_name", None) or error)
    finally:
        await transaction.rollback()
    return ""


async def test_no_column_takes_what_its_readers_cannot_read(scene: Scene) -> None:
    columns = await scene.admin.fetch(_COLUMNS, scene.mallory.role_name, list(POISONS))
    assert {("user_profiles", "created_at"), ("user_profiles", "profile_data"), ("events", "data")} <= {
        (row["table"], row["column"]) for row in columns
    }
    for row in columns:
        words = {**scene.words(), **await scene.words_of(row["table"])}
        mine = await scene.admin.fetch(_INSERTABLE, scene.mallory.role_name, row["table"])
        words["@columns@"] = ", ".join(f'"{one["attname"]}"' for one in mine)
        if row["column"] in NEGATIVE_TOO:
            continue
        for value in POISONS[row["type"]]:
            refusal = await _refusal(scene.raw, filled(poisoning(row["table"], row["column"], poisoned(value)), words))
            bounded = refusal.startswith(_BOUNDS) or "violates row-level security policy" in refusal
            assert bounded, f"{row['table']}.{row['column']} takes {value}: {refusal or 'nothing refuses it'}"


async def test_what_is_refused_is_the_value(scene: Scene) -> None:
    """The same rows with sound values are stopped by their keys alone, so that it is the bounds which the test sees."""
    for table, column in (("user_profiles", "created_at"), ("outbox", "sent_at"), ("schedules", "settled_at")):
        words = {**scene.words(), **await scene.words_of(table)}
        sound = filled(poisoning(table, column, poisoned("2026-05-05T12:00:00Z")), words)
        assert (await _refusal(scene.raw, sound)).endswith("_pkey")
