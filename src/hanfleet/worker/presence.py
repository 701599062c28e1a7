"""Being on Telegram: only while the lease is surely ours, from where the stored session stands, until it is lost.

Leaves before the lease's deadline and comes back when it was renewed, each time with the rows as they stand then.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hanfleet.core.errors import BotFailure, TemporaryError
from hanfleet.core.events import LoginCompleted
from hanfleet.core.failures import FailureKind
from hanfleet.core.messages import SessionSnapshot
from hanfleet.core.startup import TelegramServer
from hanfleet.core.states import WorkerPhase
from hanfleet.kit.backoff import Backoff
from hanfleet.kit.logging import get_logger
from hanfleet.store.records import Open, Seal
from hanfleet.store.session import Transaction
from hanfleet.transports import Transport, TransportCallbacks, TransportSettings
from hanfleet.worker.desk import Desk
from hanfleet.worker.inbox import Inbox
from hanfleet.worker.lanes import Lanes
from hanfleet.worker.lease import LeaseKeeper
from hanfleet.worker.ledger import Step
from hanfleet.worker.login import Login
from hanfleet.worker.rehearsal import rehearse

MakeTransport = Callable[[TransportSettings, TransportCallbacks], Transport]

_ANSWER_WITHIN_S = 10.0
_LEAVE_WITHIN_S = 5.0
_PULSE_EVERY_S = 30.0
_RETRIES = Backoff(first_s=0.1, longest_s=3.0, jitter=0.5)
_log = get_logger("presence")


class _VoidSessionError(Exception):
    """The stored session is refused, and a new one may be made without anybody restarting the worker."""

    def __init__(self, failure: BotFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Presence:
    """Keeps one worker on Telegram."""

    def __init__(
        self,
        desk: Desk,
        lease: LeaseKeeper,
        login: Login,
        lanes: Lanes,
        *,
        make_transport: MakeTransport,
        seal: Seal,
        open_: Open,
        server: TelegramServer | None,
    ) -> None:
        self._desk = desk
        self._lease = lease
        self._login = login
        self._lanes = lanes
        self._make_transport = make_transport
        self._seal = seal
        self._open = open_
        self._server = server
        self._inbox = Inbox(desk, seal, lanes)

    async def run(self) -> None:
        """Stay until cancelled. Raises BotFailure when the session is lost for good."""
        void_before = False
        await rehearse(self._desk, self._seal)
        snapshot = await self._stored_session()
        while True:
            await self._lease.until_safe()
            try:
                await self._stay(snapshot)
            except _VoidSessionError as void:
                if void_before:
                    raise void.failure from void
                # A token makes a new session at once; with a phone, a person is asked for a code.
                _log.warning("the stored session is void, logging in anew", reason=str(void.failure))
                void_before, snapshot = True, None
            else:
                _log.warning("left Telegram: the lease was not renewed in time")
                snapshot = await self._stored_session()

    async def _stay(self, snapshot: SessionSnapshot | None) -> None:
        """Connect, log in where needed, and stay until the lease is no longer safe. Raises the session's loss."""
        config = self._desk.config
        settings = TransportSettings(
            config.telegram_api_id,
            config.telegram_api_hash,
            snapshot,
            self._server,
            request_timeout_s=_ANSWER_WITHIN_S,
        )
        lost: asyncio.Future[BotFailure] = asyncio.get_running_loop().create_future()

        def on_lost(failure: BotFailure) -> None:
            if not lost.done():
                lost.set_result(failure)

        transport = self._make_transport(settings, TransportCallbacks(self._inbox.take, self._keep_session, on_lost))
        unsafe = asyncio.ensure_future(self._lease.until_unsafe())
        entering = asyncio.ensure_future(self._enter(transport, stored=snapshot is not None))
        pulse = asyncio.ensure_future(self._feel_pulse(transport))
        ends: set[asyncio.Future[Any]] = {unsafe, lost}
        try:
            await asyncio.wait({*ends, entering}, return_when=asyncio.FIRST_COMPLETED)
            if entering.done():
                entering.result()
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                raise self._loss(lost.result())
        finally:
            self._desk.line.close()
            await _end(unsafe, entering, pulse)
            lost.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LEAVE_WITHIN_S):
                    await transport.disconnect()

    async def _enter(self, transport: Transport, *, stored: bool) -> None:
        await self._connect(transport, stored=stored)
        if not transport.is_logged_in:
            await self._login.complete(transport)
        self._desk.line.open(transport)
        self._desk.enter(WorkerPhase.RUNNING)
        _log.info("on Telegram", account=transport.user_id)
        self._lanes.look_now()

    async def _feel_pulse(self, transport: Transport) -> None:
        """Ask Telegram now and then: a session that ended on a quiet account, or updates that never came, tell
        themselves in no other way. The transport reports a loss by itself and catches up by itself.
        """
        while True:
            await self._desk.clock.sleep(_PULSE_EVERY_S)
            if transport.is_logged_in:
                with suppress(TemporaryError, BotFailure):
                    await transport.ping()

    async def _connect(self, transport: Transport, *, stored: bool) -> None:
        failures = 0
        while True:
            try:
                await transport.connect()
            except TemporaryError as away:
                failures += 1
                pause = (
                    away.retry_after if away.retry_after is not None else _RETRIES.delay(failures, self._desk.chance)
                )
                _log.info("Telegram is away", reason=str(away), pause_s=round(pause, 2))
                await self._desk.clock.sleep(pause)
            except BotFailure as failure:
                if stored and failure.kind is FailureKind.REAUTH:
                    raise _VoidSessionError(failure) from failure
                raise
            else:
                return

    def _loss(self, failure: BotFailure) -> BotFailure | _VoidSessionError:
        """A bot account whose key was revoked under way has its token; a person's account needs the person."""
        if failure.kind is FailureKind.REAUTH and self._desk.config.is_bot_account:
            return _VoidSessionError(failure)
        return failure

    async def _stored_session(self) -> SessionSnapshot | None:
        row = await self._desk.ledger.run(Step.SESSION_LOAD, lambda tx: tx.sessions.load(self._desk.bot_id))
        return None if row is None else row.opened(self._open)

    async def _keep_session(self, snapshot: SessionSnapshot) -> None:
        """The transport's `on_session`. Raises ConflictError for another account than before."""
        bot_id = self._desk.bot_id

        async def keep(tx: Transaction) -> None:
            await tx.sessions.save_identity(bot_id, snapshot, self._seal)
            if snapshot.telegram_user_id is not None:
                await tx.events.append(LoginCompleted(bot_id=bot_id), bot_id=bot_id)

        await self._desk.ledger.run(Step.SESSION_SAVE, keep)


async def _end(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
