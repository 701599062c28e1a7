"""What each bot's sessions together took of the database server lately: time of the processor, and log-ins.

A session that comes and goes between two looks is not seen; of a bot that does nothing else, some always are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from hanfleet.store.bot_sessions import BotSession
from hanfleet.supervisor.recent import Recent
from hanfleet.supervisor.server_process import ProcessUse


@dataclass(frozen=True)
class Load:
    """``processor_s`` stays 0 where the server is elsewhere; ``logins`` are those since the bot's present start."""

    processor_s: float
    logins: int


class SessionLoad:
    """Times in seconds. What was there before the first look counts as nothing: nobody knows since when."""

    def __init__(self, *, processor_window_s: float, logins_window_s: float) -> None:
        self._known: dict[tuple[int, datetime], float] | None = None
        self._processor_s = Recent(processor_window_s)
        self._logins = Recent(logins_window_s)
        self._starts: dict[str, datetime | None] = {}

    def look(self, found: Iterable[tuple[BotSession, ProcessUse | None]], at: float) -> dict[str, Load]:
        """The bots that have a session open; ``at`` is a monotonic time."""
        known, self._known = self._known, {}
        bots = set()
        for session, use in found:
            key = (session.pid, session.started_at)
            self._known[key] = use.processor_s if use else 0.0
            bots.add(session.bot_id)
            if self._starts.get(session.bot_id) != session.password_since:
                self._starts[session.bot_id] = session.password_since
                self._logins.forget(session.bot_id)
            if known is not None:
                self._processor_s.add(session.bot_id, at, max(self._known[key] - known.get(key, 0.0), 0.0))
                self._logins.add(session.bot_id, at, float(key not in known))
        return {bot_id: Load(self._processor_s.sum(bot_id, at), int(self._logins.sum(bot_id, at))) for bot_id in bots}

    def forget(self, bot_id: str) -> None:
        """Start anew: what the bot took up to now has been answered."""
        self._processor_s.forget(bot_id)
        self._logins.forget(bot_id)
