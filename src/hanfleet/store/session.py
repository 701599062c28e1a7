"""The only place that opens and ends a transaction. Nobody else commits, and nobody asks without a principal.

Connection loss becomes StoreUnavailableError; `Store.run` repeats the whole transaction then, so what is passed to it
must be idempotent: the answer to a COMMIT can be lost after the commit happened.

Not by SQLAlchemy's own asyncio front: that loads its object mapper with it, megabytes in each process. What it is
made of is used here: the engine, and a greenlet per call in which the driver may wait.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection as RawConnection
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.util import greenlet_spawn

from hanfleet.core.errors import StoreUnavailableError
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.clock import Clock
from hanfleet.kit.requests import request_id
from hanfleet.store.addresses import driver_url, session_settings
from hanfleet.store.alerts import Alerts
from hanfleet.store.audit import Audit
from hanfleet.store.bots import Bots
from hanfleet.store.connection import Connection
from hanfleet.store.contacts import Contacts
from hanfleet.store.conversations import Conversations
from hanfleet.store.erasures import Erasures
from hanfleet.store.events import Events
from hanfleet.store.evidence import Evidence
from hanfleet.store.facts import Facts
from hanfleet.store.faults import translated, was_answered
from hanfleet.store.heartbeats import Heartbeats
from hanfleet.store.imports import Imports
from hanfleet.store.inbox import Inbox
from hanfleet.store.keys import Keys
from hanfleet.store.leases import Leases
from hanfleet.store.listening import Listener
from hanfleet.store.messages import Messages
from hanfleet.store.metrics import Metrics
from hanfleet.store.operators import Operators
from hanfleet.store.outbox import Outbox
from hanfleet.store.principals import Principal
from hanfleet.store.schedules import Schedules
from hanfleet.store.schema import Schema
from hanfleet.store.sealed_secrets import Secrets
from hanfleet.store.sealed_values import SealedValues
from hanfleet.store.summaries import Summaries
from hanfleet.store.telegram_sessions import Sessions
from hanfleet.store.texts import Texts
from hanfleet.store.tokens import Tokens
from hanfleet.store.turns import Turns
from hanfleet.store.webhooks import Webhooks

T = TypeVar("T")
_NAME_PRINCIPAL = text("""
    SELECT pg_catalog.set_config('hanfleet.principal', :setting, true),
           pg_catalog.set_config('hanfleet.request_id', :request_id, true)""")
_BACKOFF = Backoff(first_s=0.05, longest_s=2.0)


class Transaction:
    """The repositories, all on one connection; they stand or fall together."""

    def __init__(self, connection: Connection, rng: random.Random) -> None:
        self.principal = connection.principal
        self._connection = connection
        self.bots = Bots(connection)
        self.secrets = Secrets(connection)
        self.keys = Keys(connection)
        self.sealed = SealedValues(connection)
        self.sessions = Sessions(connection)
        self.inbox = Inbox(connection)
        self.contacts = Contacts(connection)
        self.conversations = Conversations(connection)
        self.messages = Messages(connection)
        self.turns = Turns(connection, rng)
        self.outbox = Outbox(connection)
        self.events = Events(connection)
        self.leases = Leases(connection)
        self.heartbeats = Heartbeats(connection)
        self.metrics = Metrics(connection)
        self.imports = Imports(connection)
        self.facts = Facts(connection)
        self.summaries = Summaries(connection)
        self.schedules = Schedules(connection)
        self.operators = Operators(connection)
        self.tokens = Tokens(connection)
        self.webhooks = Webhooks(connection)
        self.alerts = Alerts(connection)
        self.schema = Schema(connection)
        self.erasures = Erasures(connection)
        self.audit = Audit(connection)
        self.evidence = Evidence(connection)

    def use_texts(self, texts: Texts) -> None:
        """Read and keep texts from here on as this one bot does."""
        self._connection.texts = texts


class Store:
    """A database log-in and its few connections.

    ``url`` is ``postgresql://user:password@host/database``, for a socket ``postgresql://user:password@/database?host=/dir``.
    No connection is made before the first transaction. ``statement_timeout_s`` bounds each statement, so that a stalled
    server never hangs the caller; ``rng`` makes random ids (default: the system's source).
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        application_name: str,
        pool_size: int = 1,
        statement_timeout_s: float = 10.0,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._application_name = application_name
        self._url = driver_url(url)
        self._engine: Engine = create_engine(
            self._url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=statement_timeout_s * 3,
            hide_parameters=True,  # they are what people wrote, and errors are logged
            connect_args={
                "timeout": statement_timeout_s,
                "command_timeout": statement_timeout_s,
                "server_settings": session_settings(application_name),
            },
        )

    async def close(self) -> None:
        """Close the connections. Transactions under way must have ended."""
        await greenlet_spawn(self._engine.dispose)

    @asynccontextmanager
    async def transaction(self, principal: Principal) -> AsyncIterator[Transaction]:
        """One transaction (READ COMMITTED): committed when the body ends, rolled back when it raises.

        Raises StoreUnavailableError when the connection is lost at any point, also in COMMIT, which then may or may not
        have happened; FencedError when a bot's log-in is refused.
        """
        with translated(principal):
            raw = await greenlet_spawn(self._engine.connect)
        try:
            connection = Connection(raw, principal, self._clock, Texts())
            if principal.setting:
                await connection.all(_NAME_PRINCIPAL, setting=principal.setting, request_id=str(request_id() or ""))
            yield Transaction(connection, self._rng)
            with translated(principal):
                await greenlet_spawn(raw.commit)
        except StoreUnavailableError as away:
            # The connection may hang half-way through a statement: only throwing it away is sure to free it. One that
            # is kept spares a log-in with each repeat.
            if not was_answered(away):
                await _undisturbed(_throw_away(raw))
            raise
        finally:
            await _undisturbed(_give_back(raw))

    async def run(
        self, principal: Principal, fn: Callable[[Transaction], Awaitable[T]], *, give_up_after: float = 30.0
    ) -> T:
        """Run ``fn`` in a transaction and repeat it with growing pauses while the database is unavailable.

        ``fn`` must be idempotent. Raises StoreUnavailableError after ``give_up_after`` seconds.
        """
        deadline = self._clock.monotonic() + give_up_after
        failures = 0
        while True:
            try:
                async with self.transaction(principal) as transaction:
                    return await fn(transaction)
            except StoreUnavailableError:
                failures += 1
                pause = _BACKOFF.delay(failures, self._rng)
                if self._clock.monotonic() + pause > deadline:
                    raise
            await self._clock.sleep(pause)

    def listen(self, channel: str) -> Listener:
        """A listener on ``channel`` with a connection of its own; use it as an async context manager."""
        return Listener(self._url, channel, clock=self._clock, application_name=self._application_name)


async def _undisturbed(work: Coroutine[Any, Any, None]) -> None:
    """A cancelled caller leaves at once; the connection finds its way home all the same, or the pool would run dry."""
    await asyncio.shield(asyncio.create_task(work))


async def _throw_away(raw: RawConnection) -> None:
    with suppress(SQLAlchemyError, OSError):
        await greenlet_spawn(raw.invalidate)


async def _give_back(raw: RawConnection) -> None:
    # Rolls back what was not committed. A connection that breaks here was of no more use, and its error would hide
    # the one that matters.
    with suppress(SQLAlchemyError, OSError):
        await greenlet_spawn(raw.close)
