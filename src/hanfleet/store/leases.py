"""Leases: the right to use one Telegram session, or to lead the fleet. All times are the database's.

The supervisor grants, names the holder and takes back; a worker claims, renews and releases through functions that look
at its login role, so it can touch no lease but its own, and says nothing of who holds it. Refuses to judge whether an
old holder is dead: the supervisor proves that before it grants anew.
"""

# ruff: noqa: S608 - only our own constants are put into statements, never a value

from typing import Any

from sqlalchemy import Row, text

from hanfleet.core.errors import ConflictError
from hanfleet.core.process import Lease, ProcessRef
from hanfleet.store.connection import Connection

SUPERVISOR_LEASE = "supervisor"

_COLUMNS = "name, epoch, node, boot_id, pid, start_time, expires_at, expires_at <= clock_timestamp() AS expired"
_TTL = "clock_timestamp() + make_interval(secs => CAST(:ttl AS double precision))"
_GET = text(f"SELECT {_COLUMNS} FROM leases WHERE name = :name")
_ALL = text(f"SELECT {_COLUMNS} FROM leases ORDER BY name")
_GRANT = text(f"""
    INSERT INTO leases AS old (name, epoch, granted_at, expires_at) VALUES (:name, 1, clock_timestamp(), {_TTL})
    ON CONFLICT (name) DO UPDATE
    SET epoch = old.epoch + 1, node = NULL, boot_id = NULL, pid = NULL, start_time = NULL,
        granted_at = clock_timestamp(), expires_at = excluded.expires_at
    WHERE NOT CAST(:judged AS boolean)
       OR (old.epoch = CAST(:epoch AS bigint) AND old.pid IS NOT DISTINCT FROM CAST(:pid AS integer))
    RETURNING epoch""")
_NAME_HOLDER = text("""
    UPDATE leases SET node = :node, boot_id = :boot_id, pid = :pid, start_time = :start_time
    WHERE name = :name AND epoch = :epoch AND pid IS NULL RETURNING epoch""")
_EXPIRE = text("UPDATE leases SET expires_at = least(expires_at, clock_timestamp()) WHERE name = :name")
_ACQUIRE = text(f"""
    INSERT INTO leases AS old (name, epoch, node, boot_id, pid, start_time, granted_at, expires_at)
    VALUES ('{SUPERVISOR_LEASE}', 1, :node, :boot_id, :pid, :start_time, clock_timestamp(), {_TTL})
    ON CONFLICT (name) DO UPDATE
    SET epoch = old.epoch + 1, node = excluded.node, boot_id = excluded.boot_id, pid = excluded.pid,
        start_time = excluded.start_time, granted_at = clock_timestamp(), expires_at = excluded.expires_at
    WHERE old.expires_at <= clock_timestamp()
    RETURNING {_COLUMNS}""")
_RENEW_LEADER = text(f"""
    UPDATE leases SET expires_at = {_TTL}
    WHERE name = '{SUPERVISOR_LEASE}' AND epoch = :epoch RETURNING epoch""")
_RELEASE_LEADER = text(f"""
    UPDATE leases SET expires_at = least(expires_at, clock_timestamp())
    WHERE name = '{SUPERVISOR_LEASE}' AND epoch = :epoch""")
_CLAIM = text(
    "SELECT claim_lease(CAST(:epoch AS bigint), CAST(:node AS text), CAST(:boot_id AS text), CAST(:pid AS integer),"
    " CAST(:start_time AS bigint), CAST(:ttl AS double precision))"
)
_RENEW = text("SELECT renew_lease(CAST(:epoch AS bigint), CAST(:ttl AS double precision))")
_RELEASE = text("SELECT release_lease(CAST(:epoch AS bigint))")


def lease_of(bot_id: str) -> str:
    """The name of a bot's lease."""
    return f"bot:{bot_id}"


class Leases:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # The supervisor's side.

    async def get(self, name: str) -> Lease | None:
        row = await self._connection.first(_GET, name=name)
        return None if row is None else _lease(row)

    async def all(self) -> list[Lease]:
        """Every lease, the supervisor's own too."""
        return [_lease(row) for row in await self._connection.all(_ALL)]

    async def grant(self, name: str, ttl_s: float, *, judged: Lease | None = None) -> int:
        """Give the lease out anew, to nobody yet, for ``ttl_s`` seconds, and give its epoch. The old one is void.

        ``judged`` is the lease whose holder the caller proved dead (None: whatever it is): raises ConflictError when
        somebody else granted it or named its holder meanwhile.
        """
        pid = judged.holder.pid if judged and judged.holder else None
        epoch = await self._connection.value(
            _GRANT, name=name, ttl=ttl_s, judged=judged is not None, epoch=judged.epoch if judged else None, pid=pid
        )
        if epoch is None:
            raise ConflictError(f"Lease {name} was granted by somebody else meanwhile: read it again.")
        return int(epoch)

    async def name_holder(self, name: str, epoch: int, ref: ProcessRef) -> None:
        """Say whose the granted lease is: once, and nobody else does. ConflictError: it was granted anew, or named."""
        named = await self._connection.first(
            _NAME_HOLDER,
            name=name,
            epoch=epoch,
            node=ref.node,
            boot_id=ref.boot_id,
            pid=ref.pid,
            start_time=ref.start_time,
        )
        if named is None:
            raise ConflictError(f"Lease {name} was granted by somebody else meanwhile: read it again.")

    async def force_expire(self, name: str) -> None:
        """End the lease's time now; its epoch stays, so a living holder may still renew it."""
        await self._connection.all(_EXPIRE, name=name)

    async def acquire_leader(self, ref: ProcessRef, ttl_s: float) -> Lease | None:
        """Lead the fleet when nobody does: None while another lease is running. Each success is a new epoch."""
        row = await self._connection.first(
            _ACQUIRE, node=ref.node, boot_id=ref.boot_id, pid=ref.pid, start_time=ref.start_time, ttl=ttl_s
        )
        return None if row is None else _lease(row)

    async def renew_leader(self, epoch: int, ttl_s: float) -> bool:
        """False: somebody else leads now."""
        return await self._connection.first(_RENEW_LEADER, epoch=epoch, ttl=ttl_s) is not None

    async def release_leader(self, epoch: int) -> None:
        """Stop leading, so that a standby need not wait for the expiry."""
        await self._connection.all(_RELEASE_LEADER, epoch=epoch)

    # The worker's side; the bot is known by its login role.

    async def claim(self, epoch: int, ref: ProcessRef, ttl_s: float) -> bool:
        """Take the granted lease: only the current epoch, and only as the process that is named its holder."""
        expires_at = await self._connection.value(
            _CLAIM,
            epoch=epoch,
            node=ref.node,
            boot_id=ref.boot_id,
            pid=ref.pid,
            start_time=ref.start_time,
            ttl=ttl_s,
        )
        return expires_at is not None

    async def renew(self, epoch: int, ttl_s: float) -> bool:
        """Prolong the lease, also an expired one, as long as the epoch is current. False: fenced, leave Telegram."""
        return await self._connection.value(_RENEW, epoch=epoch, ttl=ttl_s) is not None

    async def release(self, epoch: int) -> None:
        """Leave: the lease is expired from now on. The holder stays named."""
        await self._connection.all(_RELEASE, epoch=epoch)


def _lease(row: Row[Any]) -> Lease:
    holder = None
    if row.pid is not None:
        holder = ProcessRef(node=row.node, boot_id=row.boot_id, pid=row.pid, start_time=row.start_time)
    return Lease(name=row.name, epoch=row.epoch, holder=holder, expires_at=row.expires_at, expired=row.expired)
