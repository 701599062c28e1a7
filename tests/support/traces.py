"""Looking for traces of somebody everywhere: every column of every table, every stream, the bus server's files."""

from pathlib import Path
from typing import Any

from hanfleet.bus import Bus
from tests.support.database import Database

_TABLES = """
    SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')"""


async def tables_that_hold(database: Database, *marks: str) -> dict[str, list[str]]:
    """Table → the marks that some row of it holds, seen by the superuser."""
    return await rows_that_hold(await database.connect(), *marks)


async def rows_that_hold(superuser: Any, *marks: str) -> dict[str, list[str]]:
    """The same over a connection of the superuser."""
    found: dict[str, list[str]] = {}
    for table in await superuser.fetch(_TABLES):
        for mark in marks:
            query = f"SELECT EXISTS (SELECT 1 FROM {table['name']} t WHERE t::text ~ $1)"
            if await superuser.fetchval(query, _word(mark)):
                found.setdefault(table["name"], []).append(mark)
    return found


async def streams_that_hold(bus: Bus, *marks: str, about: str = "") -> dict[str, list[str]]:
    """Stream → the marks that some entry of it holds; only entries that name ``about``, or are in a stream of its own:
    other tests use the same bus.
    """
    found: dict[str, list[str]] = {}
    async for stream in bus.client.scan_iter(match="*", _type="stream"):
        entries = await bus.client.xrange(stream)
        text = str([entry for entry in entries if about in f"{stream} {entry}"])
        if held := texts_that_hold(text, *marks):
            found[stream] = held
    return found


async def bus_files_that_hold(bus: Bus, *marks: str) -> list[str]:
    """The marks that some file of the bus server holds."""
    options: dict[str, Any] = await bus.client.config_get("dir", "appenddirname")
    files = [path for path in Path(options["dir"]).rglob("*") if path.is_file()]
    assert any(Path(options["dir"], options["appenddirname"]) in path.parents for path in files)
    contents = [path.read_bytes() for path in files]
    packed = [content for content in contents if content.startswith((b"REDIS", b"VALKEY"))]
    assert not packed, "a file in the compact format is compressed: what it holds would not be found"
    return texts_that_hold("\n".join(content.decode(errors="replace") for content in contents), *marks)


def texts_that_hold(text: str, *marks: str) -> list[str]:
    return [mark for mark in marks if mark in text]


def _word(mark: str) -> str:
    """A number may be no part of a longer one."""
    return rf"(?<![0-9A-Fa-f]){mark}(?![0-9A-Fa-f])" if mark.isdigit() else mark
