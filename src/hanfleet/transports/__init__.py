"""The port to a chat network: what the worker may ask of it, what it is told, and the table of implementations.

A transport turns a network's updates into core messages and back, and holds nothing that must survive: keys, peers
and the position in the update log go out through callbacks and come back as a `SessionSnapshot`. It refuses to know
where those are stored, to wait out flood limits, and to retry a send by itself.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import SecretStr

from hanfleet.core.errors import BotFailure, PermanentError
from hanfleet.core.messages import InboundMessage, SentMessage, SessionSnapshot, UpdateBatch
from hanfleet.core.startup import TelegramServer
from hanfleet.kit.clock import Clock
from hanfleet.kit.loading import load

OnBatch = Callable[[UpdateBatch], Awaitable[None]]
OnSession = Callable[[SessionSnapshot], Awaitable[None]]
OnLost = Callable[[BotFailure], None]


class PasswordNeededError(PermanentError):
    """The account has two-step verification: the log-in goes on with ``submit_password``."""


@dataclass(frozen=True)
class TransportSettings:
    """Who the application is, where the network is, and where another process left off.

    ``snapshot`` is None before the first log-in. One with an empty ``auth_key`` belongs to a session that was revoked:
    it asks for a new log-in, and when the same user logs in, the update log goes on where it stood.
    ``server`` stands in Telegram's place; None means the real one.
    ``connect_timeout_s`` bounds `connect`, ``request_timeout_s`` every single request (the library has no bound).
    """

    api_id: int
    api_hash: SecretStr
    snapshot: SessionSnapshot | None = None
    server: TelegramServer | None = None
    connect_timeout_s: float = 30.0
    request_timeout_s: float = 20.0


@dataclass(frozen=True)
class TransportCallbacks:
    """Whom the transport tells.

    ``on_batch`` is awaited before the updates in it count as taken; batches come one at a time, in the order of the
    update log. When it returns, ``batch.state`` (if not None) must be as durable as the messages. The callback itself
    repeats what may be repeated (a lost database): if it raises, the transport takes nothing more, calls ``on_lost``
    and leaves the position where it was, so the next process gets the batch again. A batch may repeat messages that
    were stored already (after a kill, a gap, or our own sends coming back): unique ids make that harmless. A batch
    with ``state`` None belongs to a longer story whose end carries the state; one with no messages may carry entities
    or only a position.

    ``on_session`` is awaited when a new key exists (``telegram_user_id`` None: the key and the server's address are the
    news, keep the rest) and when a log-in is complete (with user id, state and the peers known so far: all of it takes
    the place of what was stored). Raise from it to refuse the log-in, as for another user than before: the transport
    logs out again and lets that error through.

    ``on_lost`` is called exactly once, from the loop, when the session cannot go on (revoked, frozen, banned, key
    forgotten or used twice, ``on_batch`` raised). It must not block. It is not called for a lost connection, which is
    repaired silently and caught up, nor for failures that `connect` itself raises, nor after `disconnect`.
    """

    on_batch: OnBatch
    on_session: OnSession
    on_lost: OnLost


class Transport(Protocol):
    """One account on a chat network, used from one loop of one process.

    Every method that asks the network may raise TemporaryError (no connection, no answer in time, the network's own
    trouble, a flood limit: then with ``retry_after`` seconds) and BotFailure (the session is lost; the same failure
    goes to ``on_lost``). After a loss every call raises that failure at once. Before a log-in, calls that need one
    raise ConflictError. Cancelling a call takes its request back as long as it has not left; whether the network
    carried it out is then unknown.
    """

    @property
    def is_connected(self) -> bool:
        """True while requests can go out now: connected, not reconnecting, not lost."""
        ...

    @property
    def is_logged_in(self) -> bool:
        """True once the network has confirmed who we are in this process."""
        ...

    @property
    def user_id(self) -> int | None:
        """Our own id on the network; None until logged in."""
        ...

    @property
    def is_bot(self) -> bool:
        """True for a bot account: no history, no read receipts, no catching up from history after a gap."""
        ...

    async def connect(self) -> None:
        """Connect, check the stored session, and start taking updates from where the snapshot stands.

        Batches may come before this returns. Without a snapshot, or with one that never logged in, it returns with
        ``is_logged_in`` False. Raises TemporaryError after ``connect_timeout_s``, and it may be called again;
        BotFailure (reauth, frozen, banned) when a snapshot that names a user is refused.
        """
        ...

    async def disconnect(self) -> None:
        """Leave. No callback comes after it returns; requests in flight fail. Safe to repeat; never raises.

        The connection closes first, then a batch that is being stored is waited for (``on_batch`` is not interrupted;
        so never call this from inside a callback).
        """
        ...

    async def log_in_with_token(self, token: SecretStr) -> None:
        """Log in as a bot. Returns at once when logged in. Raises BotFailure(config) for a token that is refused."""
        ...

    async def request_code(self, phone: str) -> None:
        """Have a log-in code sent to the other sessions of ``phone``. Raises InvalidInputError for a refused number."""
        ...

    async def submit_code(self, code: SecretStr) -> None:
        """Log in with the code.

        Raises PasswordNeededError, InvalidInputError (wrong: another may be given), ConflictError (it expired, or none
        was asked for in this process).
        """
        ...

    async def submit_password(self, password: SecretStr) -> None:
        """Answer two-step verification. Raises InvalidInputError for a wrong one."""
        ...

    async def log_out(self) -> None:
        """End the session at the network and disconnect. The key is worthless afterwards."""
        ...

    async def catch_up(self) -> None:
        """Ask for what was missed; it comes through ``on_batch``. Done without asking after each reconnect."""
        ...

    async def ping(self) -> float:
        """One authorised round trip, in seconds. Starts catching up when the network turns out to be ahead of us, and
        a reconnect when nothing answers.
        """
        ...

    async def send_text(self, chat_id: int, text: str, random_id: int) -> SentMessage:
        """Send ``text`` as it is, without any markup, 1 to 4096 UTF-16 units.

        ``random_id`` (signed 64 bits, not 0) makes a repeat harmless: the network refuses the second, which is told as
        ``SentMessage(None, duplicate=True)`` at once. After TemporaryError or cancellation the message may or may not
        have gone out: repeat with the same ``random_id``. Raises PermanentError when this chat will never take it
        (blocked us, deleted, never met), InvalidInputError when this text will never be taken (empty, too long).
        """
        ...

    async def set_typing(self, chat_id: int) -> None:
        """Show that we are typing, for about five seconds or until a message goes out."""
        ...

    async def mark_read(self, chat_id: int, max_id: int) -> None:
        """Mark everything up to ``max_id`` as read. Does nothing for bots, which cannot."""
        ...

    async def history(self, chat_id: int, limit: int) -> list[InboundMessage]:
        """The newest ``limit`` (at most 100) messages of a chat, oldest first, both directions.

        Raises PermanentError for bots, which may not read history.
        """
        ...


#: name → the class that implements it; called with (TransportSettings, TransportCallbacks, Clock).
TRANSPORTS = {"telegram": "hanfleet.transports.telegram.transport:TelegramTransport"}


def make_transport(name: str, settings: TransportSettings, callbacks: TransportCallbacks, *, clock: Clock) -> Transport:
    """Give an unconnected transport. Raises KeyError for a name that is not in the table."""
    implementation: Any = load(TRANSPORTS[name])
    made: Transport = implementation(settings, callbacks, clock=clock)
    return made
