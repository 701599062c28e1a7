"""A simulated contact at work: writes bursts, waits for replies, reads, types, sometimes edits, and keeps a ledger.

Life cycle: ``start`` → ``run`` (until ``stop_sending``) → ``collect`` → ``close``; ``async with`` does the first and
the last. Faults of the server, its death included, delay a contact and never make it write anything twice.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self

from telethon import errors

from hanfleet.kit.clock import Clock
from hanfleet.sandbox.contacts.chat import Chat, HistoryEntry, RefusedError
from hanfleet.sandbox.contacts.desk import ContactAccount, Desk, DeskClosedError
from hanfleet.sandbox.contacts.ledger import Ledger
from hanfleet.sandbox.contacts.line import Line, LineBrokenError
from hanfleet.sandbox.contacts.pacing import DEMO, Pacing, draw
from hanfleet.sandbox.contacts.persons import Person, burst_size, script
from hanfleet.sandbox.contacts.recorder import Attempt, Recorder
from hanfleet.sandbox.llm.nonces import NonceMint

_UNCERTAIN_WITHIN_S = 10.0
"""After the end of sending, an uncertain message is repeated this long; then the history has to tell."""

_GLANCE_S = 0.02


@dataclass(frozen=True)
class SaidLine:
    """One line of a conversation as it happens, for whoever watches."""

    bot: str
    contact: str
    author: Literal["contact", "bot"]
    text: str
    at: datetime


class ContactSimulator:
    """One person who chats with one bot.

    ``info`` is what the sandbox wrote into its sandbox.json. ``target`` is the bot's username or Telegram user id,
    ``bot`` the name under which the ledger files it (default: the target). The contacts of one run share one ``mint``,
    so that nonces never meet.
    """

    def __init__(
        self,
        info: Mapping[str, Any],
        person: Person,
        target: str | int,
        *,
        rng: random.Random,
        clock: Clock,
        bot: str | None = None,
        mint: NonceMint | None = None,
        pacing: Pacing = DEMO,
        on_line: Callable[[SaidLine], None] | None = None,
    ) -> None:
        self.person = person
        self.bot = bot or str(target)
        self._desk = Desk(info)
        self._target = target
        self._mint = mint or NonceMint(rng)
        self._rng = rng
        self._clock = clock
        self._pacing = pacing
        self._on_line = on_line
        self._recorder = Recorder(self.bot, person.name, clock)
        self._stopping = asyncio.Event()
        self._stop_at: float | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._errands: set[asyncio.Task[Any]] = set()
        self._account: ContactAccount | None = None
        self._line: Line | None = None
        self._chat: Chat | None = None
        self._to_bot_token = False

    @property
    def sent(self) -> int:
        """Messages that were surely sent so far."""
        return self._recorder.sent

    @property
    def replies(self) -> int:
        """Messages of the bot that were seen so far, the disclosure among them."""
        return self._recorder.replies

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            # Also on cancellation: nobody would call the exit of a context that was never entered.
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Make the account, log in and find the bot.

        Raises Telethon's RPCError when there is no such bot, DeskClosedError when the control interface fails.
        """
        self._account = await self._desk.create_person(self.person.name, self.person.language)
        self._line = Line(self._desk.address, self._account.phone, self._desk, self._clock, self._arrived)
        handle = self._target if isinstance(self._target, str) else await self._desk.handle_of(self._target)
        user = await self._line.resolve(handle)
        self._to_bot_token = bool(user.bot)
        self._chat = Chat(self._line, user, self._clock)

    async def run(self) -> None:
        """Chat until ``stop_sending``; a cancelled run leaves at worst one message uncertain, which collect settles."""
        chat = self._started()
        self._idle.clear()
        try:
            await self._pause(draw(self._pacing.before_first, self._rng))
            lines = script(self.person, self._rng)
            burst = 0
            while not self._stopping.is_set():
                burst += 1
                await self._write_burst(chat, burst, lambda: next(lines))
                await self._wait_for_replies()
                await self._pause(draw(self._pacing.between_bursts, self._rng, self.person.habits.pause_factor))
        finally:
            self._idle.set()

    async def stop_sending(self) -> None:
        """Begin no further message and let the current one come to an end."""
        if self._stop_at is None:
            self._stop_at = self._clock.monotonic()
        self._stopping.set()
        await self._idle.wait()

    async def collect(self, within: float = 10.0, settle: float = 1.0) -> Ledger:
        """Wait at most ``within`` seconds for missing replies, then read the history and give the evidence.

        When nothing is missing any more, a second copy of the last reply is still listened for ``settle`` seconds long.
        """
        chat = self._started()
        assert self._account is not None
        deadline = self._clock.monotonic() + within
        while True:
            while self._recorder.unanswered() and self._clock.monotonic() < deadline:
                await self._clock.sleep(_GLANCE_S)
            await self._clock.sleep(min(settle, max(0.0, deadline - self._clock.monotonic())))
            history_read = await self._read_history(chat, self._account)
            # The history may show that an uncertain message went out after all; then its reply is awaited, too.
            if not self._recorder.unanswered() or self._clock.monotonic() >= deadline:
                return self._recorder.ledger(self._account.user_id, history_read=history_read)

    async def close(self) -> None:
        """Hang up and end every errand."""
        self._stopping.set()
        for errand in list(self._errands):
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)
        if self._line is not None:
            await self._line.close()
        await self._desk.close()

    def _started(self) -> Chat:
        if self._chat is None:
            raise RuntimeError("This contact was not started; call start() first.")
        return self._chat

    async def _write_burst(self, chat: Chat, burst: int, next_line: Callable[[], str]) -> None:
        if self._rng.random() < self.person.habits.typing_chance:
            self._errand(chat.type())
            await self._pause(draw(self._pacing.typing, self._rng))
        size = burst_size(self.person, self._rng)
        for at in range(size):
            if self._stopping.is_set():
                return
            await self._write(chat, burst, next_line())
            if at + 1 < size:
                await self._pause(draw(self._pacing.within_burst, self._rng))

    async def _write(self, chat: Chat, burst: int, line: str) -> None:
        nonce = self._mint.make()
        text = self._compose(line, nonce)
        self._recorder.attempt(Attempt(nonce, text, burst))
        random_id = self._rng.randrange(1, 2**63)
        try:
            delivery = await chat.send(text, random_id, self._gives_up)
        except RefusedError:
            return
        if delivery is None:
            return
        message = self._recorder.confirm(nonce, delivery)
        self._tell("contact", text, message.sent_at)
        if message.telegram_id is not None and self._rng.random() < self.person.habits.edit_chance:
            self._errand(chat.edit(message.telegram_id, f"{text} …"))

    def _compose(self, line: str, nonce: str) -> str:
        if self._to_bot_token and self._recorder.sent == 0:
            return f"/start {nonce}"
        return f"{nonce} {line}" if self._rng.random() < 0.2 else f"{line} {nonce}"

    def _gives_up(self) -> bool:
        return self._stop_at is not None and self._clock.monotonic() > self._stop_at + _UNCERTAIN_WITHIN_S

    async def _wait_for_replies(self) -> None:
        deadline = self._clock.monotonic() + draw(self._pacing.patience, self._rng)
        while self._recorder.unanswered() and not self._stopping.is_set() and self._clock.monotonic() < deadline:
            await self._clock.sleep(_GLANCE_S)

    async def _pause(self, seconds: float) -> None:
        """Sleep, unless sending is to end."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()

    def _arrived(self, message: Any) -> None:
        if self._chat is None or message.sender_id != self._chat.peer_id:
            return
        reply = self._recorder.arrive(message.id, message.message or "")
        if reply is None:
            return
        self._tell("bot", reply.text, reply.arrived_at)
        self._errand(self._read_soon(self._chat, message.id))

    async def _read_soon(self, chat: Chat, telegram_id: int) -> None:
        await self._clock.sleep(draw(self._pacing.before_reading, self._rng))
        await chat.read(telegram_id)

    async def _read_history(self, chat: Chat, account: ContactAccount) -> bool:
        """By the contact's own line, or else through the control interface."""
        with suppress(errors.RPCError, TimeoutError):
            async with asyncio.timeout(_UNCERTAIN_WITHIN_S):
                self._recorder.settle(await self._patient_history(chat))
            return True
        try:
            self._recorder.settle(await self._desk.read_chat(account.user_id, chat.peer_id))
        except DeskClosedError:
            return False
        return True

    async def _patient_history(self, chat: Chat) -> Sequence[HistoryEntry]:
        while True:
            with suppress(LineBrokenError):
                return await chat.history()
            await self._clock.sleep(_GLANCE_S)

    def _tell(self, author: Literal["contact", "bot"], text: str, at: datetime) -> None:
        if self._on_line is not None:
            self._on_line(SaidLine(self.bot, self.person.name, author, text, at))

    def _errand(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something on the side; ``close`` ends what is left."""
        task = asyncio.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
