"""ProcessSupervisor: the fleet by the names that the rest of the product's design gives it (INTERFACES).

Each method says what is wanted, in a row, and waits until it is so; the fleet's loop does the work. So a call and an
operator's command through the API cannot contradict each other. For whoever embeds a fleet: the product's own commands
come through control, with their events.
"""

import asyncio
from collections.abc import Callable

from hanfleet.core.config import BotConfig
from hanfleet.core.errors import ConflictError, NotFoundError, TemporaryError
from hanfleet.core.process import HealthStatus
from hanfleet.core.states import BotState, DesiredState
from hanfleet.kit.clock import Clock
from hanfleet.launchers.port import BotProcess
from hanfleet.store.records import BotRow
from hanfleet.store.session import Store
from hanfleet.supervisor.fleet import Fleet
from hanfleet.supervisor.starter import SUPERVISOR, Starter

_POLL_S = 0.05


class ProcessSupervisor:
    """``within_s``: how long a call waits for what it asked for."""

    def __init__(self, store: Store, fleet: Fleet, starter: Starter, clock: Clock, *, within_s: float = 30.0) -> None:
        self._store = store
        self._fleet = fleet
        self._starter = starter
        self._clock = clock
        self._within_s = within_s

    async def start_bot(self, bot_config: BotConfig) -> BotProcess:
        """Have a registered bot run, and give its worker once it lives (not yet Running: it may wait for a log-in).

        Raises NotFoundError, ConflictError when the bot fails instead, TemporaryError when it takes too long.
        """
        bot_id = bot_config.bot_id
        async with self._store.transaction(SUPERVISOR) as tx:
            row = await tx.bots.get(bot_id)
            if row is None:
                raise NotFoundError(f"There is no bot {bot_id}: register it first.")
            await tx.bots.set_desired(bot_id, DesiredState.RUNNING)
            if row.status is BotState.FAILED:
                await tx.bots.request_restart(bot_id)
        await self._until(
            bot_id, lambda row: row.status is BotState.FAILED or self._fleet.process_of(bot_id) is not None
        )
        process = self._fleet.process_of(bot_id)
        if process is None:
            raise ConflictError(f"Bot {bot_id} did not start: {(await self._row(bot_id)).status_reason}")
        return process

    async def stop_bot(self, bot_id: str) -> bool:
        """Have it stopped; False when it was down already. Raises NotFoundError, TemporaryError."""
        down = {BotState.STOPPED, BotState.CONFIGURING}
        was_down = (await self._row(bot_id)).status in down
        async with self._store.transaction(SUPERVISOR) as tx:
            await tx.bots.set_desired(bot_id, DesiredState.STOPPED)
        await self._until(bot_id, lambda row: row.status in down)
        return not was_down

    async def restart_bot(self, bot_id: str) -> bool:
        """A new worker in place of the old one; False when the bot is not wanted to run. Waits for the new worker."""
        async with self._store.transaction(SUPERVISOR) as tx:
            row = await tx.bots.get(bot_id)
            if row is None:
                raise NotFoundError(f"There is no bot {bot_id}.")
            if row.desired_state is not DesiredState.RUNNING:
                return False
            generation = await tx.bots.request_restart(bot_id)
        await self._until(
            bot_id, lambda row: row.applied_generation >= generation and self._fleet.process_of(bot_id) is not None
        )
        return True

    async def monitor_health(self) -> dict[str, HealthStatus]:
        """Each bot's health at the last look."""
        return self._fleet.health

    async def cleanup_resources(self, bot_id: str) -> None:
        """Take away what a stopped bot has outside its rows: database role, bus user.

        Raises ConflictError while it has a worker. A later start makes them anew.
        """
        if self._fleet.process_of(bot_id) is not None:
            raise ConflictError(f"Bot {bot_id} has a worker: stop it first.")
        await self._starter.clean_up(bot_id)

    async def _row(self, bot_id: str) -> BotRow:
        async with self._store.transaction(SUPERVISOR) as tx:
            row = await tx.bots.get(bot_id)
        if row is None:
            raise NotFoundError(f"There is no bot {bot_id}.")
        return row

    async def _until(self, bot_id: str, reached: Callable[[BotRow], bool]) -> None:
        deadline = self._clock.monotonic() + self._within_s
        while not reached(await self._row(bot_id)):
            self._fleet.hurry()
            if self._clock.monotonic() > deadline:
                raise TemporaryError(
                    f"Bot {bot_id} did not get there within {self._within_s:.0f} s; it is still wanted."
                )
            await asyncio.sleep(_POLL_S)
