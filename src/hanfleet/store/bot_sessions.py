"""What bots' roles have open in the database, and how one of their sessions is ended. Logged in as the provisioner.

Whoever may end other roles' sessions is trusted with it nowhere else, so this is no repository of a transaction.
Refuses to judge what is too long or too much: the supervisor does.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from hanfleet.core.errors import HanfleetError
from hanfleet.store import fencing
from hanfleet.store.kept_connection import KeptConnection

# Whoever waits behind a bot counts, but for the bot itself. A waiter's blockers are asked for only once it has waited
# for a while: the question takes a lock on the lock table.
_OPEN = """
    WITH held_up AS (
        SELECT w.usename, extract(epoch FROM clock_timestamp() - l.waitstart)::double precision AS waited_s,
               unnest(pg_blocking_pids(l.pid)) AS blocker
        FROM pg_locks l JOIN pg_stat_activity w USING (pid)
        WHERE NOT l.granted AND l.waitstart < clock_timestamp() - make_interval(secs => $1))
    SELECT r.bot_id, r.role_name::text, a.pid, a.backend_start,
           extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS transaction_s,
           extract(epoch FROM clock_timestamp() - a.query_start)::double precision AS statement_s,
           a.state = 'active' AS active,
           r.rotated_at, coalesce(a.backend_start < r.rotated_at, false) AS outdated,
           (SELECT max(h.waited_s) FROM held_up h WHERE h.blocker = a.pid AND h.usename <> a.usename) AS holds_up_s
    FROM bot_roles r JOIN pg_stat_activity a ON a.usename = r.role_name
    WHERE a.backend_type = 'client backend'"""
_END = """
    SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN bot_roles r ON r.role_name = a.usename
    WHERE a.pid = $1 AND a.backend_start = $2"""


@dataclass(frozen=True)
class BotSession:
    """One open session. Seconds; None where there is no transaction, no statement, nobody held up.

    ``password_since``: the bot's present start, when its role got its password. ``outdated``: it began before that.
    """

    bot_id: str
    role_name: str
    pid: int
    started_at: datetime
    password_since: datetime | None
    transaction_s: float | None
    statement_s: float | None
    outdated: bool
    holds_up_s: float | None


class BotSessions:
    """``url`` is the provisioner role's. Keeps two connections, made at the first look and again when one was lost.

    A hostile bot that takes every log-in that the server has left shall not be safe by that. Shutting out has a
    connection of its own, for it may take a while, and the others have to be looked at.
    """

    def __init__(self, url: str) -> None:
        self._eye = KeptConnection(url, "hanfleet watch")
        self._door = KeptConnection(url, "hanfleet fence")

    async def open(self, *, waiting_s: float) -> list[BotSession]:
        """Every session of every bot; somebody counts as held up after ``waiting_s``. Raises StoreUnavailableError."""
        async with self._eye.use() as connection:
            rows = await connection.fetch(_OPEN, waiting_s)
        # Without it the look is worth as much; the next one tries again.
        with suppress(HanfleetError):
            await self._door.keep()
        return [
            BotSession(
                row["bot_id"],
                row["role_name"],
                row["pid"],
                row["backend_start"],
                row["rotated_at"],
                row["transaction_s"],
                row["statement_s"] if row["active"] else None,
                row["outdated"],
                row["holds_up_s"],
            )
            for row in rows
        ]

    async def end(self, session: BotSession) -> bool:
        """End it; False when it is gone, or its process id belongs to somebody else by now."""
        async with self._eye.use() as connection:
            return bool(await connection.fetch(_END, session.pid, session.started_at))

    async def fence(self, bot_id: str) -> None:
        """Shut out whoever is logged in as the bot, until its next start. Raises StoreUnavailableError: try again."""
        async with self._door.use() as connection:
            await fencing.fence(connection, bot_id)

    async def close(self) -> None:
        await self._eye.close()
        await self._door.close()
