"""What follows from a watch's verdicts, beside its looks: one bot that will not go shall not hide the others.

A shut-out that fails is tried again at the next look, and told only once it is done. Refuses to judge.
"""

import asyncio
from collections import deque

from hanfleet.core.errors import HanfleetError, StoreUnavailableError
from hanfleet.core.events import BusClientsEnded, DatabaseSessionEnded
from hanfleet.kit.logging import get_logger
from hanfleet.store.session import Store
from hanfleet.supervisor.expulsion import ShutOut
from hanfleet.supervisor.starter import SUPERVISOR

_log = get_logger("watch")
#: Far more than come together while the database is away; the oldest are lost then.
_UNTOLD = 1000

Verdict = DatabaseSessionEnded | BusClientsEnded


class Consequences:
    """Keeps what is not done yet from look to look."""

    def __init__(self, store: Store, shut_out: ShutOut) -> None:
        self._store = store
        self._shut_out = shut_out
        self._to_shut_out: dict[str, Verdict] = {}
        self._shutting_out: dict[str, asyncio.Task[None]] = {}
        self._untold: deque[Verdict] = deque(maxlen=_UNTOLD)
        self._telling: asyncio.Task[None] | None = None

    def add(self, verdict: Verdict) -> None:
        """Owed from now on; ``begin`` sees to it."""
        if verdict.shut_out:
            self._to_shut_out.setdefault(verdict.bot_id, verdict)
        else:
            self._untold.append(verdict)

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Begin what is owed and not under way, in ``tasks``. None of them raises."""
        self._shutting_out = {bot_id: task for bot_id, task in self._shutting_out.items() if not task.done()}
        for bot_id in self._to_shut_out.keys() - self._shutting_out.keys():
            self._shutting_out[bot_id] = tasks.create_task(self._carry_out(bot_id, tasks))
        self._begin_telling(tasks)

    async def _carry_out(self, bot_id: str, tasks: asyncio.TaskGroup) -> None:
        try:
            await self._shut_out(bot_id)
        except Exception as failed:  # noqa: BLE001 - one bot's unforeseen trouble must not end the watch of all others
            _log.error("a bot could not be shut out; the next look tries again", bot_id=bot_id, error=str(failed))
            return
        _log.warning("a bot was shut out until its next start", bot_id=bot_id)
        self._untold.append(self._to_shut_out.pop(bot_id))
        self._begin_telling(tasks)

    def _begin_telling(self, tasks: asyncio.TaskGroup) -> None:
        if self._untold and (self._telling is None or self._telling.done()):
            self._telling = tasks.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        """One after another: each may wait for a row that its bot has locked, and connections are few."""
        later: list[Verdict] = []
        while self._untold:
            verdict = self._untold.popleft()
            try:
                await self._tell(verdict)
            except StoreUnavailableError:
                later.append(verdict)
            except HanfleetError as refused:
                _log.error("an event is lost", bot_id=verdict.bot_id, error=str(refused))
        self._untold.extend(later)

    async def _tell(self, verdict: Verdict) -> None:
        async with self._store.transaction(SUPERVISOR) as tx:
            # It may have been removed in this moment; and a bus has users without a bot, or another fleet's.
            if await tx.bots.get(verdict.bot_id) is not None:
                await tx.events.append(verdict, bot_id=verdict.bot_id)
