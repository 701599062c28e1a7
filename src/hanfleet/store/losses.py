"""What a step back takes away, counted: tables and columns that go, rows that fewer remain of.

Looks at the schema before and after, inside the transaction of the step, so it cannot be wrong about a step that it
has never heard of. What a step back rewrites in place it does not see.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import Connection

_TABLES = text("""
    SELECT relname::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> 'alembic_version' ORDER BY relname""")
_COLUMNS = text("""
    SELECT attname::text FROM pg_attribute
    WHERE attrelid = CAST(:relation AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum""")


@dataclass(frozen=True)
class Loss:
    """``column`` None: the whole table when ``whole``, else ``rows`` of its rows."""

    table: str
    column: str | None
    rows: int
    whole: bool


#: table → (rows, column → values that are not NULL)
Inventory = dict[str, tuple[int, dict[str, int]]]


def take_stock(connection: Connection) -> Inventory:
    """Count every table and column. Reads all of the database."""
    return {table: _count(connection, table) for table in connection.execute(_TABLES).scalars().all()}


def losses(before: Inventory, after: Inventory) -> list[Loss]:
    """What ``before`` held and ``after`` does not."""
    lost: list[Loss] = []
    for table, (rows, columns) in before.items():
        if table not in after:
            lost.append(Loss(table, None, rows, whole=True))
            continue
        rows_left, columns_left = after[table]
        if rows_left < rows:
            lost.append(Loss(table, None, rows - rows_left, whole=False))
        gone = [column for column in columns if column not in columns_left]
        lost.extend(Loss(table, column, columns[column], whole=False) for column in gone)
    return lost


def _count(connection: Connection, table: str) -> tuple[int, dict[str, int]]:
    names = connection.execute(_COLUMNS, {"relation": f'public."{table}"'}).scalars().all()
    counts = ", ".join(["count(*)", *(f'count("{name}")' for name in names)])
    # Names from the catalog, not from a person.
    row = connection.execute(text(f'SELECT {counts} FROM public."{table}"')).one()  # noqa: S608
    return row[0], dict(zip(names, row[1:], strict=True))
