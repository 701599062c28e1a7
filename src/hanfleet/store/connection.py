"""One connection inside one transaction, as the repositories see it: statements in, rows out, faults translated.

Refuses to commit: that is the session's alone.
"""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection as RawConnection
from sqlalchemy import Row, TextClause
from sqlalchemy.util import greenlet_spawn

from hanfleet.kit.clock import Clock
from hanfleet.store.faults import translated
from hanfleet.store.principals import Principal

if TYPE_CHECKING:
    from hanfleet.store.texts import Texts


class Connection:
    """What every repository is made from. ``texts`` is how texts are read and kept here."""

    def __init__(self, raw: RawConnection, principal: Principal, clock: Clock, texts: "Texts") -> None:
        self._raw = raw
        self.principal = principal
        self.clock = clock
        self.texts = texts

    async def all(self, statement: TextClause, **values: Any) -> list[Row[Any]]:
        """Run ``statement`` and give its rows."""
        with translated(self.principal):
            return await greenlet_spawn(self._all, statement, values)

    def _all(self, statement: TextClause, values: dict[str, Any]) -> list[Row[Any]]:
        result = self._raw.execute(statement, values)
        return list(result.all()) if result.returns_rows else []

    async def stream(self, statement: TextClause, at_once: int) -> AsyncIterator[Row[Any]]:
        """The rows of one statement, as they stood when it began, fetched ``at_once`` at a time."""
        with translated(self.principal):
            options = {"stream_results": True, "max_row_buffer": at_once}
            result = await greenlet_spawn(self._raw.execute, statement, execution_options=options)
            try:
                while rows := await greenlet_spawn(result.fetchmany, at_once):
                    for row in rows:
                        yield row
            finally:
                await greenlet_spawn(result.close)

    async def first(self, statement: TextClause, **values: Any) -> Row[Any] | None:
        """The first row, or None."""
        rows = await self.all(statement, **values)
        return rows[0] if rows else None

    async def value(self, statement: TextClause, **values: Any) -> Any:
        """The first column of the first row, or None."""
        row = await self.first(statement, **values)
        return None if row is None else row[0]

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Add many rows by COPY, in this transaction. Only a role that row level security does not bind may do so."""
        with translated(self.principal):
            driver: Any = self._raw.connection.driver_connection
            await driver.copy_records_to_table(table, records=rows, columns=list(columns))


def storable(text: str) -> str:
    """``text`` with what PostgreSQL cannot keep (NUL, lone surrogates) replaced by U+FFFD; nothing else changes."""
    text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def as_json(value: Any) -> str:
    """``value`` for a jsonb parameter; times and ids become their text forms."""
    return json.dumps(value, ensure_ascii=False, default=str)
