"""MultiBotManager: every use-case of operators in one place, each a transaction that says what is wanted.

A method that changes something returns when that is written down, not when it has come about: the status tells.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from hanfleet.bus import IPCManager, Seal
from hanfleet.control.erasure.contacts import Contacts
from hanfleet.control.logins import Logins
from hanfleet.control.requests import check_kept, check_restart, check_searchable, check_start, check_stop
from hanfleet.control.sealing import BotSafe
from hanfleet.control.trail import AuditTrail
from hanfleet.control.updates import BotUpdate
from hanfleet.control.views import BotDetails, BotInfo, BotStatus
from hanfleet.core.bot_ids import is_bot_id
from hanfleet.core.commands import Reload
from hanfleet.core.config import BotConfig
from hanfleet.core.errors import BusUnavailableError, CommandTimeoutError, ConflictError, NotFoundError
from hanfleet.core.events import BotRestartRequested
from hanfleet.core.states import BotState, DesiredState
from hanfleet.persona.validation import check_persona
from hanfleet.store.ledger import Ledger
from hanfleet.store.principals import OperatorPrincipal
from hanfleet.store.records import BotRow, MessageRow, OutboxRow
from hanfleet.store.session import Store, Transaction
from hanfleet.vault import MasterKey

T = TypeVar("T")
_PATIENCE_S = 5.0  # with a lost database, while a person waits
_RELOAD_WITHIN_S = 3.0
_GONE = (DesiredState.ARCHIVED, DesiredState.ERASED)


class MultiBotManager:
    """Acts as ``operator``. ``backups_kept`` is how long daily backups are, at most.

    Every method raises NotFoundError for an unknown bot and StoreUnavailableError.
    """

    def __init__(
        self,
        store: Store,
        ipc: IPCManager,
        master_key: MasterKey,
        *,
        bot_logs: Path,
        ledger: Ledger,
        backups_kept: timedelta,
        operator: str = "owner",
    ) -> None:
        self._store = store
        self._ipc = ipc
        self._safe = BotSafe(master_key)
        self._bot_logs = bot_logs
        self._principal = OperatorPrincipal(operator)
        self.logins = Logins(ipc, self._row_and_seal)
        self.trail = AuditTrail(self._run)
        self.contacts = Contacts(store, ipc, self._safe, ledger, self._principal, _found, backups_kept=backups_kept)

    async def register_bot(self, bot_config: BotConfig, *, start: bool = True) -> str:
        """Add a bot and give its id. Raises InvalidInputError for its persona, ConflictError when the id is taken."""
        check_persona(bot_config.persona)
        desired = DesiredState.RUNNING if start else DesiredState.STOPPED
        # Not repeated after a lost answer: the second try would meet the bot that the first one added.
        bot_id = bot_config.bot_id
        async with self._store.transaction(self._principal) as tx:
            if row := await tx.bots.get(bot_id):
                check_kept(row)
                raise ConflictError(_taken(bot_id))
            try:
                await tx.bots.add(bot_id, bot_config.public(), desired=desired)
            except ConflictError as raced:
                raise ConflictError(_taken(bot_id)) from raced
            await self._safe.make(tx, bot_config)
        return bot_id

    async def configure(self, bot_id: str, update: BotUpdate, *, version: int | None = None) -> bool:
        """Replace the configuration; True: a running worker has taken it over, False: it counts from the next start.

        Raises RefusedConfigError, InvalidInputError for its persona, ConflictError when ``version`` is not the present
        one. After any of them nothing has changed.
        """

        async def change(tx: Transaction) -> BotRow:
            row = await _held(tx, bot_id)
            check_kept(row)
            stored = await self._safe.open(tx, bot_id, update.model_fields_set)
            config = update.applied_to(bot_id, stored)
            check_persona(config.persona)
            await tx.bots.set_config(bot_id, config.public(), version)
            await self._safe.replace(tx, config, stored)
            return row

        async with self._store.transaction(self._principal) as tx:
            row = await change(tx)
        return row.status is BotState.RUNNING and await self._reloaded(bot_id)

    async def remove_bot(self, bot_id: str, *, erase: bool = False) -> bool:
        """Stop and archive, or also erase every row of it; False when that was asked before."""

        async def remove(tx: Transaction) -> bool:
            row = await _held(tx, bot_id)
            if row.desired_state is DesiredState.ERASED or (row.desired_state is DesiredState.ARCHIVED and not erase):
                return False
            if erase:
                await self.contacts.ask_for_bot(tx, row)
            await tx.bots.set_desired(bot_id, DesiredState.ERASED if erase else DesiredState.ARCHIVED)
            return True

        return await self._run(remove)

    async def start_bot(self, bot_id: str) -> bool:
        """Want it running. Raises ConflictError when it is already."""

        async def start(tx: Transaction) -> bool:
            row = await _held(tx, bot_id)
            again = check_start(row)
            if row.desired_state is not DesiredState.RUNNING:
                await tx.bots.set_desired(bot_id, DesiredState.RUNNING)
            if again:
                await _ask_for_restart(tx, bot_id)
            return True

        async with self._store.transaction(self._principal) as tx:
            return await start(tx)

    async def stop_bot(self, bot_id: str) -> bool:
        """Want it stopped: it drains and leaves Telegram. Raises ConflictError when it is already."""
        async with self._store.transaction(self._principal) as tx:
            check_stop(await _held(tx, bot_id))
            await tx.bots.set_desired(bot_id, DesiredState.STOPPED)
        return True

    async def restart_bot(self, bot_id: str) -> bool:
        """Have its worker replaced. Raises ConflictError for a bot that is stopping or was never started."""
        async with self._store.transaction(self._principal) as tx:
            row = await _held(tx, bot_id)
            check_restart(row)
            if row.desired_state is not DesiredState.RUNNING:
                await tx.bots.set_desired(bot_id, DesiredState.RUNNING)
            await _ask_for_restart(tx, bot_id)
        return True

    async def list_bots(self, *, removed: bool = False) -> list[BotInfo]:
        """All bots by id; removed ones only when asked for."""
        rows = await self._run(lambda tx: tx.bots.list())
        return [BotInfo.of(row) for row in rows if removed or row.desired_state not in _GONE]

    async def get_bot(self, bot_id: str) -> BotDetails:
        """The bot with its configuration."""

        async def look(tx: Transaction) -> BotDetails:
            row = await _found(tx, bot_id)
            return BotDetails.with_secrets(row, list(await tx.secrets.all(bot_id)))

        return await self._run(look)

    async def get_bot_status(self, bot_id: str) -> BotStatus:
        """What it does now."""

        async def look(tx: Transaction) -> BotStatus:
            return BotStatus.seen(await _found(tx, bot_id), await tx.heartbeats.get(bot_id))

        return await self._run(look)

    async def all_statuses(self) -> list[BotStatus]:
        """What every bot does now, removed ones left out, by id."""

        async def look(tx: Transaction) -> list[BotStatus]:
            beats = {beat.bot_id: beat for beat in await tx.heartbeats.all()}
            rows = [row for row in await tx.bots.list() if row.desired_state not in _GONE]
            return [BotStatus.seen(row, beats.get(row.bot_id)) for row in rows]

        return await self._run(look)

    async def outbox(self, bot_id: str, *, after: int = 0, limit: int = 100) -> list[OutboxRow]:
        """What the bot decided to send, oldest first, from behind position ``after``."""

        async def look(tx: Transaction) -> list[OutboxRow]:
            await _found(tx, bot_id)
            await self._safe.use_texts(tx, bot_id)
            return list(await tx.outbox.page(bot_id, after=after, limit=limit))

        return await self._run(look)

    async def search(self, bot_id: str, query: str, *, limit: int = 50, before: UUID | None = None) -> list[MessageRow]:
        """Messages of all the bot's conversations that hold the words, the newest first; further pages by ``before``.

        Raises ConflictError for a bot that keeps its texts sealed: what no query can read, none can find.
        """

        async def look(tx: Transaction) -> list[MessageRow]:
            check_searchable(await _found(tx, bot_id))
            return list(await tx.messages.search(bot_id, query, limit=limit, before=before))

        return await self._run(look)

    async def log_path(self, bot_id: str) -> Path:
        """Where the bot's worker logs; the file may not be there yet."""
        await self._run(lambda tx: _found(tx, bot_id))
        return self._bot_logs / f"{bot_id}.log"

    async def check_database(self) -> None:
        """Raises StoreUnavailableError when the database does not answer."""
        async with self._store.transaction(self._principal) as tx:
            await tx.bots.get("-")

    async def check_bus(self) -> None:
        """Raises BusUnavailableError when the bus does not answer."""
        await self._ipc.ping()

    async def _reloaded(self, bot_id: str) -> bool:
        """Hurry the worker; what it misses, it reads at its next start."""
        try:
            return (await self._ipc.send_command(bot_id, Reload(), timeout_s=_RELOAD_WITHIN_S)).ok
        except (BusUnavailableError, CommandTimeoutError):
            return False

    async def _row_and_seal(self, bot_id: str) -> tuple[BotRow, Seal]:
        async def look(tx: Transaction) -> tuple[BotRow, Seal]:
            row = await _found(tx, bot_id)
            check_kept(row)
            return row, await self._safe.command_seal(tx, bot_id)

        return await self._run(look)

    async def _run(self, fn: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self._store.run(self._principal, fn, give_up_after=_PATIENCE_S)


def _taken(bot_id: str) -> str:
    return f"There is a bot {bot_id} already: choose another id, or change it (hanfleet bots configure {bot_id})."


async def _found(tx: Transaction, bot_id: str) -> BotRow:
    return _known(bot_id, await tx.bots.get(_possible(bot_id)))


async def _held(tx: Transaction, bot_id: str) -> BotRow:
    """To change it: nobody else does until the transaction ends."""
    return _known(bot_id, await tx.bots.hold(_possible(bot_id)))


def _possible(bot_id: str) -> str:
    if not is_bot_id(bot_id):
        # Not repeated: it may hold what neither a database nor a terminal bears.
        raise NotFoundError(
            "No bot has such an id, for ids are of a-z, 0-9 and -, at most 50: hanfleet bots list shows all."
        )
    return bot_id


def _known(bot_id: str, row: BotRow | None) -> BotRow:
    if row is None:
        raise NotFoundError(f"There is no bot {bot_id}: hanfleet bots list shows those there are.")
    return row


async def _ask_for_restart(tx: Transaction, bot_id: str) -> None:
    generation = await tx.bots.request_restart(bot_id)
    await tx.events.append(BotRestartRequested(bot_id=bot_id, generation=generation), bot_id=bot_id)
