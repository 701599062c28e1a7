"""Bots: their configuration, what is wanted of them, what was last seen of them.

Every change writes its event in the same transaction, and what the supervisor must act on wakes it with an empty
notification on ``hanfleet_desired``. Refuses to judge transitions: `core.states.transition` does that before.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from hanfleet.core.errors import ConflictError, NotFoundError
from hanfleet.core.events import BotArchived, BotConfigured, BotDesired, BotRegistered, BotStateChanged
from hanfleet.core.failures import FailureKind
from hanfleet.core.states import BotState, DesiredState
from hanfleet.store.connection import Connection, as_json
from hanfleet.store.events import Events
from hanfleet.store.records import BotRow

#: The channel that the supervisor listens on; the payload is always empty, for anyone could send one.
DESIRED_CHANNEL = "hanfleet_desired"

_WAKE = text(f"SELECT pg_notify('{DESIRED_CHANNEL}', '')")
_COUNTER = text("INSERT INTO bot_counters (bot_id) VALUES (:bot_id)")
_ADD = text("""
    INSERT INTO bots (bot_id, name, config, status, desired_state, status_since, created_at, updated_at)
    VALUES (:bot_id, :name, CAST(:config AS jsonb), :status, :desired, :now, :now, :now)""")
_GET = text("SELECT * FROM bots WHERE bot_id = :bot_id")
_HOLD = text("SELECT * FROM bots WHERE bot_id = :bot_id FOR NO KEY UPDATE")
_LIST = text("SELECT * FROM bots ORDER BY bot_id")
_SET_CONFIG = text("""
    UPDATE bots SET config = CAST(:config AS jsonb), name = :name, config_version = config_version + 1,
        updated_at = :now
    WHERE bot_id = :bot_id AND config_version = coalesce(CAST(:expected AS integer), config_version)
    RETURNING config_version""")
_SET_DESIRED = text("""
    UPDATE bots SET desired_state = :desired, updated_at = :now
    WHERE bot_id = :bot_id RETURNING bot_id""")
_REQUEST_RESTART = text("""
    UPDATE bots SET restart_generation = restart_generation + 1, updated_at = :now
    WHERE bot_id = :bot_id RETURNING restart_generation""")
_SET_STATUS = text("""
    UPDATE bots SET status = :after, status_reason = :reason, failure_kind = :kind, status_since = :now,
        updated_at = :now
    WHERE bot_id = :bot_id AND status = :before RETURNING bot_id""")
_MARK_GENERATION = text("""
    UPDATE bots SET applied_generation = greatest(applied_generation, CAST(:generation AS integer))
    WHERE bot_id = :bot_id RETURNING bot_id""")
_PLAN_RESTART = text("""
    UPDATE bots SET failures = :failures, not_before = :not_before WHERE bot_id = :bot_id RETURNING bot_id""")
_ERASE_EVENTS = text("DELETE FROM events WHERE bot_id = :bot_id")
_ERASE_METRICS = text("DELETE FROM metrics_data WHERE bot_id = :bot_id")
_ERASE = text("DELETE FROM bots WHERE bot_id = :bot_id RETURNING bot_id")


class Bots:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._events = Events(connection)

    async def add(
        self,
        bot_id: str,
        config: Mapping[str, Any],
        *,
        status: BotState = BotState.CONFIGURING,
        desired: DesiredState = DesiredState.STOPPED,
    ) -> None:
        """Add a bot with its public configuration (``BotConfig.public()``). Raises ConflictError when it exists."""
        now = self._connection.clock.now()
        await self._connection.all(
            _ADD,
            bot_id=bot_id,
            name=config["name"],
            config=as_json(config),
            status=status,
            desired=desired,
            now=now,
        )
        await self._connection.all(_COUNTER, bot_id=bot_id)
        await self._events.append(BotRegistered(bot_id=bot_id), bot_id=bot_id)
        await self._connection.all(_WAKE)

    async def get(self, bot_id: str) -> BotRow | None:
        row = await self._connection.first(_GET, bot_id=bot_id)
        return None if row is None else _bot(row)

    async def hold(self, bot_id: str) -> BotRow | None:
        """The bot as it stays until this transaction changes it: other changes of it wait.

        Taken before anything else that is locked, so that two who change a bot never wait for each other.
        """
        row = await self._connection.first(_HOLD, bot_id=bot_id)
        return None if row is None else _bot(row)

    async def list(self) -> Sequence[BotRow]:
        """All bots, archived ones too, by id."""
        return [_bot(row) for row in await self._connection.all(_LIST)]

    async def set_config(self, bot_id: str, public: Mapping[str, Any], version_expected: int | None = None) -> int:
        """Replace the configuration and give its new version.

        Raises ConflictError when ``version_expected`` is given and somebody else changed it since, NotFoundError.
        """
        version = await self._connection.value(
            _SET_CONFIG,
            bot_id=bot_id,
            name=public["name"],
            config=as_json(public),
            expected=version_expected,
            now=self._connection.clock.now(),
        )
        if version is None:
            await self._known(bot_id)
            raise ConflictError(f"The configuration of {bot_id} was changed meanwhile: read it again, then change it.")
        await self._events.append(BotConfigured(bot_id=bot_id, config_version=version), bot_id=bot_id)
        await self._connection.all(_WAKE)
        return int(version)

    async def set_desired(self, bot_id: str, desired: DesiredState) -> None:
        """Say what is wanted. Raises NotFoundError."""
        now = self._connection.clock.now()
        if await self._connection.first(_SET_DESIRED, bot_id=bot_id, desired=desired, now=now) is None:
            raise NotFoundError(_no_bot(bot_id))
        await self._events.append(BotDesired(bot_id=bot_id, desired=desired), bot_id=bot_id)
        if desired is DesiredState.ARCHIVED:
            await self._events.append(BotArchived(bot_id=bot_id), bot_id=bot_id)
        await self._connection.all(_WAKE)

    async def request_restart(self, bot_id: str) -> int:
        """Ask for one restart and give its generation. Raises NotFoundError."""
        generation = await self._connection.value(_REQUEST_RESTART, bot_id=bot_id, now=self._connection.clock.now())
        if generation is None:
            raise NotFoundError(_no_bot(bot_id))
        await self._connection.all(_WAKE)
        return int(generation)

    async def set_status(
        self,
        bot_id: str,
        before: BotState,
        after: BotState,
        *,
        reason: str = "",
        failure_kind: FailureKind | None = None,
    ) -> bool:
        """Compare and set: False when the status is no longer ``before``. Writes BotStateChanged."""
        changed = await self._connection.first(
            _SET_STATUS,
            bot_id=bot_id,
            before=before,
            after=after,
            reason=reason,
            kind=failure_kind,
            now=self._connection.clock.now(),
        )
        if changed is None:
            return False
        payload = BotStateChanged(bot_id=bot_id, before=before, after=after, reason=reason)
        await self._events.append(payload, bot_id=bot_id)
        return True

    async def mark_generation(self, bot_id: str, generation: int) -> None:
        """Restarts up to ``generation`` are carried out."""
        await self._connection.all(_MARK_GENERATION, bot_id=bot_id, generation=generation)

    async def plan_restart(self, bot_id: str, failures: int, not_before: datetime | None) -> None:
        """Keep the restart policy's memory: failures in a row, and the earliest time of the next start."""
        await self._connection.all(_PLAN_RESTART, bot_id=bot_id, failures=failures, not_before=not_before)

    async def erase(self, bot_id: str) -> bool:
        """Delete the bot and all that was stored of it; its database role is the provisioner's to drop, before this.

        The lease row stays: epochs must never come round again.
        """
        for statement in (_ERASE_EVENTS, _ERASE_METRICS):
            await self._connection.all(statement, bot_id=bot_id)
        return await self._connection.first(_ERASE, bot_id=bot_id) is not None

    async def _known(self, bot_id: str) -> None:
        if await self.get(bot_id) is None:
            raise NotFoundError(_no_bot(bot_id))


def _no_bot(bot_id: str) -> str:
    return f"There is no bot {bot_id!r}: `hanfleet bots list` shows those there are."


def _bot(row: Row[Any]) -> BotRow:
    return BotRow(
        bot_id=row.bot_id,
        name=row.name,
        config=row.config,
        config_version=row.config_version,
        desired_state=DesiredState(row.desired_state),
        restart_generation=row.restart_generation,
        applied_generation=row.applied_generation,
        status=BotState(row.status),
        status_reason=row.status_reason,
        status_since=row.status_since,
        failure_kind=None if row.failure_kind is None else FailureKind(row.failure_kind),
        failures=row.failures,
        not_before=row.not_before,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
