"""What bots' roles have open in the database, and how one of their sessions is ended. Logged in as the provisioner.

Whoever may end other roles' sessions is trusted with it nowhere else, so this is no repository of a transaction.
Refuses to judge what is too long or too much: the supervisor does.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import make_url

from hanfleet.store.addresses import connect
from hanfleet.store.faults import translated

_TIMEOUT_S = 10.0

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
    """``url`` is the provisioner role's. Keeps one connection, made when first needed."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._raw: Any = None

    async def open(self, *, waiting_s: float) -> list[BotSession]:
        """Every session of every bot; somebody counts as held up after ``waiting_s``. Raises StoreUnavailableError."""
        rows = await self._fetch(_OPEN, waiting_s)
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
        return bool(await self._fetch(_END, session.pid, session.started_at))

    async def close(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            await raw.close(timeout=_TIMEOUT_S)

    async def _fetch(self, statement: str, *values: object) -> list[Any]:
        with translated(None):
            if self._raw is None or self._raw.is_closed():
                self._raw = await connect(self._url, "hanfleet watch", timeout_s=_TIMEOUT_S)
            found: list[Any] = await self._raw.fetch(statement, *values)
            return found
