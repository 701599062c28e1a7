"""From "this bot shall run" to a launched worker, in the one order that is safe (ADR 0003).

Prove the old holder dead → new database password (the old role's backends are gone then) → in one transaction: the data
keys, the next epoch, Starting, the restart that was asked for is carried out → launch → the lease names the process as
its holder → the worker is told who it is. Where it breaks off, the next attempt begins anew with another epoch; what
was half born has no secret, and ends. So whoever has a secret is named, whatever it does with it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import SecretBytes, SecretStr

from hanfleet.core.errors import BusUnavailableError, ConflictError, PermanentError
from hanfleet.core.process import Lease, ProcessRef
from hanfleet.core.startup import TelegramServer, WorkerLimits, WorkerStartup
from hanfleet.core.states import BotState, Transition, transition
from hanfleet.kit.logging import get_logger
from hanfleet.launchers.port import BotProcess, Launcher
from hanfleet.store.leases import lease_of
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.provisioner import BotLogin
from hanfleet.store.records import BotRow
from hanfleet.store.session import Store, Transaction
from hanfleet.supervisor.leases import LeaseWatch

SUPERVISOR = SystemPrincipal("supervisor")
INTO_STARTING = {
    BotState.CONFIGURING: Transition.CONFIG_VALID,
    BotState.STOPPED: Transition.RESTART,
    BotState.FAILED: Transition.RESTART_REQUESTED,
}
_log = get_logger("starter")


class DatabaseRoles(Protocol):
    """The part of store.provisioner.Provisioner that a start needs."""

    async def rotate(self, bot_id: str) -> BotLogin: ...

    async def drop_bot_role(self, bot_id: str) -> None: ...


class BusUsers(Protocol):
    """The part of bus.BusProvisioner that a start needs."""

    async def create_user(self, bot_id: str) -> str: ...

    async def drop_user(self, bot_id: str) -> None: ...


@dataclass(frozen=True)
class StartSettings:
    """What all workers of this fleet have in common."""

    log_dir: Path
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    lease_ttl_s: float = 15.0
    heartbeat_s: float = 2.0
    telegram_server: TelegramServer | None = None


class Starter:
    """Starts workers; keeps nothing between two starts."""

    def __init__(
        self,
        *,
        store: Store,
        launcher: Launcher,
        roles: DatabaseRoles,
        bus_users: BusUsers | None,
        leases: LeaseWatch,
        unwrap: Callable[[str, bytes], bytes],
        settings: StartSettings,
    ) -> None:
        self._store = store
        self._launcher = launcher
        self._roles = roles
        self._bus_users = bus_users
        self._leases = leases
        self._unwrap = unwrap
        self._settings = settings

    async def start(self, row: BotRow, lease: Lease | None) -> BotProcess:
        """Launch a worker under a new epoch.

        Raises TemporaryError (try again), ConflictError when somebody else moved the bot or its lease meanwhile,
        PermanentError when a person has to mend something first.
        """
        bot_id = row.bot_id
        await self._leases.prove_free(lease)
        login = await self._roles.rotate(bot_id)
        bus_url = await self._bus_url(bot_id)
        epoch, data_keys = await self._grant(row, lease)
        startup = WorkerStartup(
            bot_id=bot_id,
            epoch=epoch,
            lease_ttl_s=self._settings.lease_ttl_s,
            heartbeat_s=self._settings.heartbeat_s,
            database_url=SecretStr(login.url),
            bus_url=SecretStr(bus_url) if bus_url else None,
            data_keys={number: SecretBytes(key) for number, key in data_keys.items()},
            telegram_server=self._settings.telegram_server,
        )

        async def name_holder(ref: ProcessRef) -> None:
            async with self._store.transaction(SUPERVISOR) as tx:
                await tx.leases.name_holder(lease_of(bot_id), epoch, ref)

        return await self._launcher.launch(startup, self._settings.limits, self.log_path(bot_id), name_holder)

    async def clean_up(self, bot_id: str) -> None:
        """Take the database role and the bus user of a bot away that has no worker. Raises TemporaryError."""
        await self._roles.drop_bot_role(bot_id)
        if self._bus_users:
            await self._bus_users.drop_user(bot_id)

    def log_path(self, bot_id: str) -> Path:
        return self._settings.log_dir / f"{bot_id}.log"

    async def _data_keys(self, tx: Transaction, bot_id: str) -> dict[int, bytes]:
        """Read in the transaction that grants the lease: a key that comes later knows which epochs do not know it."""
        keys = await tx.keys.read(bot_id)
        if not keys:
            raise PermanentError(f"Bot {bot_id} has no data key: remove it and add it again.")
        return {key.number: self._unwrap(bot_id, key.wrapped) for key in keys}

    async def _bus_url(self, bot_id: str) -> str | None:
        """A log-in to the bus. Without one the worker answers all the same, but takes no commands until a restart."""
        if self._bus_users is None:
            return None
        try:
            return await self._bus_users.create_user(bot_id)
        except BusUnavailableError as away:
            _log.warning("the bus is away: the worker starts without commands", bot_id=bot_id, error=str(away))
            return None

    async def _grant(self, row: BotRow, lease: Lease | None) -> tuple[int, dict[int, bytes]]:
        bot_id = row.bot_id

        async def grant(tx: Transaction) -> tuple[int, dict[int, bytes]]:
            data_keys = await self._data_keys(tx, bot_id)
            epoch = await tx.leases.grant(lease_of(bot_id), self._settings.lease_ttl_s, judged=lease)
            if row.status is not BotState.STARTING:
                after = transition(row.status, INTO_STARTING[row.status])
                assert after is not None
                if not await tx.bots.set_status(bot_id, row.status, after, reason="A worker is being started."):
                    raise ConflictError(f"The state of {bot_id} was changed meanwhile: look again.")
            if row.restart_generation > row.applied_generation:
                await tx.bots.mark_generation(bot_id, row.restart_generation)
            return epoch, data_keys

        # Not Store.run: repeated after a lost answer, it would judge an epoch that it has granted itself.
        async with self._store.transaction(SUPERVISOR) as tx:
            return await grant(tx)
