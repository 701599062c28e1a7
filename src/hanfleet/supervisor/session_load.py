"""What each bot's sessions together took of the database server lately: time of the processor, log-ins, and writing.

A session that comes and goes between two looks is not seen; of a bot that does nothing else, some always are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from hanfleet.store.bot_sessions import BotSession
from hanfleet.supervisor.allowance import Allowance
from hanfleet.supervisor.recent import Recent
from hanfleet.supervisor.server_process import ProcessUse

#: The kernel counts in hundredths: of a look that follows another at once a share says nothing.
_SHORTEST_S = 0.5
_NOTHING = ProcessUse(0.0, 0.0, 0.0)
#: For the next start of a bot that was shut out: an honest worker needs that for some thousand answers.
_PARDONED_MB = 512.0


@dataclass(frozen=True)
class Load:
    """``processors`` are kept busy since the look before, ``processor_s`` is the time that they took within its window;
    ``logins`` are those since the bot's present start. ``overwrote``: they wrote more to files than is allowed. Of a
    server elsewhere, only log-ins are known.
    """

    processors: float
    processor_s: float
    logins: int
    overwrote: bool


class SessionLoad:
    """Times in seconds. What was there before the first look counts as nothing: nobody knows since when."""

    def __init__(self, *, processor_window_s: float, logins_window_s: float, written_mb: Allowance) -> None:
        self._known: dict[tuple[int, datetime], ProcessUse] | None = None
        self._at = 0.0
        self._processor_s = Recent(processor_window_s)
        self._logins = Recent(logins_window_s)
        self._written_mb = written_mb
        self._starts: dict[str, datetime | None] = {}
        self._logged_in_at: float | None = None

    def look(self, found: Iterable[tuple[BotSession, ProcessUse | None]], at: float) -> dict[str, Load]:
        """The bots that have a session open; ``at`` is a monotonic time."""
        known, self._known = self._known, {}
        before, self._at = self._at, at
        lately: dict[str, float] = {}
        for session, use in found:
            key = (session.pid, session.started_at)
            # Who cannot be seen for a moment took nothing then, and not all of its life's at the next look.
            now = self._known[key] = use or (known or {}).get(key, _NOTHING)
            lately.setdefault(session.bot_id, 0.0)
            if self._starts.get(session.bot_id) != session.password_since:
                self._starts[session.bot_id] = session.password_since
                self._logins.forget(session.bot_id)
            if known is not None:
                then = known.get(key, _NOTHING)
                took_s = max(now.processor_s - then.processor_s, 0.0)
                lately[session.bot_id] += took_s
                self._processor_s.add(session.bot_id, at, took_s)
                self._written_mb.take(session.bot_id, max(now.written_mb - then.written_mb, 0.0))
                self._logins.add(session.bot_id, at, float(key not in known))
        if known is not None and not self._known.keys() <= known.keys():
            self._logged_in_at = at
        elapsed_s = max(_SHORTEST_S, at - before)
        overwrote = self._written_mb.exhausted(at)
        return {
            bot_id: Load(
                took_s / elapsed_s,
                self._processor_s.sum(bot_id, at),
                int(self._logins.sum(bot_id, at)),
                bot_id in overwrote,
            )
            for bot_id, took_s in lately.items()
        }

    def logged_in_within(self, seconds: float, at: float) -> bool:
        """Whether any bot was seen to log in since then."""
        return self._logged_in_at is not None and at - self._logged_in_at < seconds

    def forget(self, bot_id: str) -> None:
        """Start anew: what the bot took up to now has been answered."""
        self._processor_s.forget(bot_id)
        self._logins.forget(bot_id)
        self._written_mb.pardon(bot_id, _PARDONED_MB)
