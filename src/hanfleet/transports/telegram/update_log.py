"""Following Telegram's update log so that nothing is lost: one step takes updates, stores them, and only then goes on.

This stands in the place of Telethon's own update loop, which skips what it cannot fetch, forgets edits and deletions
made while we were away, and moves on before anyone has stored anything (TELEGRAM.md). Telethon's message box still
does the bookkeeping of pts, gaps and deadlines (https://core.telegram.org/api/updates).
"""

# mypy: untyped-calls-exclude=telethon

import asyncio
from collections.abc import Iterable
from typing import Any

from telethon._updates.messagebox import ENTRY_ACCOUNT, GapError
from telethon.tl import functions, types

from hanfleet.core.errors import BotFailure, PermanentError, TemporaryError
from hanfleet.core.failures import FailureKind
from hanfleet.core.messages import UpdateBatch
from hanfleet.kit.clock import Clock
from hanfleet.kit.logging import get_logger
from hanfleet.transports import OnBatch
from hanfleet.transports.telegram.client import FleetClient
from hanfleet.transports.telegram.conversion import Converted, convert
from hanfleet.transports.telegram.failures import classify
from hanfleet.transports.telegram.history import messages_since

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
#: Telegram's position is stored without messages when it has moved this far: what was ours alone comes again otherwise.
_STATE_LAG = 100
_MOST_AT_ONCE = 100
_PEER_CACHE_LIMIT = 500


class UpdateLog:
    """The reader of one account's log. `run` is its only task; `leave` waits until nothing is being stored."""

    def __init__(self, client: FleetClient, on_batch: OnBatch, *, clock: Clock) -> None:
        self._client = client
        self._on_batch = on_batch
        self._clock = clock
        self._box = client._message_box  # noqa: SLF001 - Telethon has no public name for any of these three
        self._queue: asyncio.Queue[Any] = client._updates_queue  # noqa: SLF001
        self._peers = client._mb_entity_cache  # noqa: SLF001
        self._logged_in = asyncio.Event()
        self._storing = asyncio.Lock()
        self._pause_s = _FIRST_PAUSE_S
        self._stored_pts = 0
        self._log = get_logger(__name__)

    def start(self) -> None:
        """We are logged in and our state is known: take updates from here on."""
        self._stored_pts = self._client.state.pts if self._client.state else 0
        self._logged_in.set()

    async def leave(self) -> None:
        """Return when no batch is being stored; the client is closing, so none begins after."""
        async with self._storing:
            pass

    def is_behind(self, pts: int) -> bool:
        """True when Telegram stands at ``pts`` and we neither took nor hold what leads there."""
        state = self._client.state
        return state is not None and pts > state.pts and self._queue.empty() and not self._box.getting_diff_for

    async def run(self) -> None:
        """Take updates until the client leaves or is lost. A surprise of our own making loses the session, loudly."""
        try:
            await self._logged_in.wait()
            await self._client.catch_up()
            while self._client.is_connected() and self._going_on:
                await self._step()
        except Exception as error:  # noqa: BLE001 - whatever it is, going on would skip updates
            self._client.lose(classify(error))

    @property
    def _going_on(self) -> bool:
        return self._client.lost is None and not self._client.closing

    async def _step(self) -> None:
        if request := self._box.get_difference():
            await self._fetch(request)
            return
        self._forget_channels()
        if (arrived := await self._next()) is None:
            return
        updates, users = self._apply(arrived)
        self._client.session.meet(users.values())
        await self._take(updates, users)

    async def _next(self) -> Any:
        """The next push; None when it is time to ask for what may be missing."""
        if not self._queue.empty():
            return self._queue.get_nowait()
        wait = self._box.check_deadlines() - asyncio.get_running_loop().time()
        if wait <= 0:
            await asyncio.sleep(0)  # whatever the box wants, others get their turn
            return None
        try:
            return await asyncio.wait_for(self._queue.get(), wait)
        except TimeoutError:
            return None

    def _apply(self, arrived: Any) -> tuple[list[Any], dict[int, Any]]:
        """Let the box order ``arrived`` and whatever else is waiting, up to the first gap."""
        updates: list[Any] = []
        people: dict[int, Any] = {}
        for _ in range(_MOST_AT_ONCE):
            if isinstance(arrived, types.UpdateShortMessage) and not self._client.session.person(arrived.user_id):
                arrived = types.UpdatesTooLong()  # it names a stranger without the hash: the difference has both
            try:
                users, _chats = self._box.process_updates(arrived, self._peers, updates)
                people.update((user.id, user) for user in users)
            except GapError:
                break
            except Exception:  # noqa: BLE001 - a shape unknown to the box: the difference brings what is ours of it
                self._log.exception("telegram_update_not_understood", update=type(arrived).__name__)
                self._box.try_begin_get_diff(ENTRY_ACCOUNT, "an update was not understood")
                break
            if self._queue.empty():
                break
            arrived = self._queue.get_nowait()
        return updates, people

    async def _fetch(self, request: Any) -> None:
        """Ask for the difference, as often as it takes: the box goes on wanting it until it was applied."""
        try:
            difference = await self._difference(request)
        except TemporaryError as busy:
            self._log.info("telegram_difference_postponed", reason=str(busy))
            await self._wait(busy.retry_after)
            return
        self._pause_s = _FIRST_PAUSE_S
        if isinstance(difference, types.updates.DifferenceTooLong):
            await self._bridge_gap(difference)
        else:
            await self._take_difference(difference)

    async def _difference(self, request: Any) -> Any:
        try:
            return await self._client.ask(request)
        except PermanentError as refused:
            # Telegram does not know our position: take the newest one, and history for what lies between.
            self._log.warning("telegram_position_refused", reason=str(refused))
            state = await self._client.ask(functions.updates.GetStateRequest())
            return types.updates.DifferenceTooLong(state.pts)

    async def _take_difference(self, difference: Any) -> None:
        # The box would drop `other_updates`, since it moves its position first: edits and deletions are in there.
        others = getattr(difference, "other_updates", [])
        users = {user.id: user for user in getattr(difference, "users", [])}
        if others:
            difference.other_updates = []
        updates, _users, _chats = self._box.apply_difference(difference, self._peers)
        self._client.session.meet(users.values())
        await self._take([*others, *updates], users)

    async def _bridge_gap(self, too_long: types.updates.DifferenceTooLong) -> None:
        """Telegram skips what we missed: read it from the chats, store that first, and only then jump."""
        if self._peers.self_bot:
            self._log.error("telegram_gap", consequence="bot accounts cannot read history: what was missed is lost")
        else:
            await self._read_missed()
        self._box.apply_difference(too_long, self._peers)
        await self._store(UpdateBatch(state=self._client.state, gap=True))
        await self._client.catch_up()

    async def _read_missed(self) -> None:
        since = self._box.date
        self._log.warning("telegram_gap", consequence="reading the chats' history", since=since.isoformat())
        async for chat in messages_since(self._client, since, wait=self._wait):
            entities = self._client.session.take_unreported()
            await self._store(UpdateBatch(state=None, messages=tuple(chat), entities=entities))

    async def _take(self, updates: Iterable[Any], users: dict[int, Any]) -> None:
        """Store what the updates hold, together with the position behind them."""
        session, state = self._client.session, self._client.state
        found: Converted = convert(updates, users, self_id=self._peers.self_id, known=session.person)
        self._trim_peers()
        if not found and not session.has_unreported and (state is None or state.pts - self._stored_pts < _STATE_LAG):
            return
        await self._store(
            UpdateBatch(
                state=state,
                messages=tuple(found.messages),
                edits=tuple(found.edits),
                deletions=tuple(found.deletions),
                entities=session.take_unreported(),
            )
        )

    async def _store(self, batch: UpdateBatch) -> None:
        async with self._storing:
            if not self._going_on:
                raise self._client.lost or _LEAVING
            await self._on_batch(batch)
        if batch.state is not None:
            self._stored_pts = batch.state.pts

    async def _wait(self, seconds: float | None) -> None:
        """Pause before asking again; without a figure from Telegram, longer each time."""
        await self._clock.sleep(self._pause_s if seconds is None else seconds)
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    def _forget_channels(self) -> None:
        """Channels have logs of their own; we follow none, so their gaps must not make us ask."""
        for known in (self._box.map, self._box.possible_gaps):
            for channel in [entry for entry in known if isinstance(entry, int)]:
                del known[channel]
        self._box.getting_diff_for -= {entry for entry in self._box.getting_diff_for if isinstance(entry, int)}
        if self._box.next_deadline not in self._box.map:
            self._box.next_deadline = ENTRY_ACCOUNT

    def _trim_peers(self) -> None:
        """Telethon keeps its own table of hashes beside ours; it needs none of it."""
        if len(self._peers) > _PEER_CACHE_LIMIT:
            self._peers.retain(lambda user_id: user_id == self._peers.self_id)


#: Ends the loop when the client is closing; never told to anybody.
_LEAVING = BotFailure(FailureKind.TRANSIENT, "The worker is leaving Telegram.")
