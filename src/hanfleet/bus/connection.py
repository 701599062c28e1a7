"""The connection to Redis or Valkey: one pool, vendor errors turned into ours, a version that is new enough.

Everything else in the room goes through `Bus.client` inside `Bus.guarded`. Refuses to block longer than BLOCK_S in one
read: the socket's own timeout lies above it, so a silent server is told apart from a quiet stream.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from hanfleet.core.errors import BusUnavailableError, InvalidInputError, PermanentError
from hanfleet.kit.clock import Clock

Entry = tuple[str, dict[str, str]]

BLOCK_S = 5.0
_SOCKET_TIMEOUT_S = 2 * BLOCK_S
_PATIENCE = ExponentialBackoff(cap=0.5, base=0.05)
_OLDEST_REDIS = 7
_OLDEST_VALKEY = 8


class _CancellableWrites(AbstractConnection):
    """A connection whose writes notice a cancellation.

    The vendor's go through ``asyncio.wait_for``, which in Python 3.11 forgets a cancellation that comes in the same
    turn of the loop as its result (https://github.com/python/cpython/issues/86296): a cancelled reader went on to
    block on its next read.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise RedisTimeoutError("Timeout writing to socket") from None
        finally:
            self.socket_timeout = limit


class Bus:
    """A pool of connections to the server at ``url`` (redis://, rediss:// or unix://). Connects when first used."""

    def __init__(self, url: str, *, clock: Clock, name: str = "hanfleet") -> None:
        # redis-py does not know Valkey's own schemes; they mean the same.
        self.url = url = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
        self.clock = clock
        try:
            # The vendor's types mean bytes and text, waiting and not waiting, all at once.
            self.client: Any = Redis.from_url(
                url,
                protocol=2,
                decode_responses=True,
                client_name=name,
                # It would send CLIENT SETINFO: Redis 7.0 does not know it, not even as the name of a permission.
                driver_info=None,
                socket_timeout=_SOCKET_TIMEOUT_S,
                socket_connect_timeout=BLOCK_S,
                # A dropped connection is tried again at once: a restarted server looks like one to every idle socket.
                retry=Retry(_PATIENCE, 2),
            )
            pool = self.client.connection_pool
            pool.connection_class = type("Connection", (_CancellableWrites, pool.connection_class), {})
        except ValueError as refused:
            raise InvalidInputError(
                "The bus URL must begin with redis://, rediss:// or unix://, and a port in it must be a number: "
                "mend HANFLEET_REDIS_URL."
            ) from refused

    def __repr__(self) -> str:
        return f"Bus({without_password(self.url)!r})"

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn the vendor's errors into ours: BusUnavailableError where waiting helps, else PermanentError."""
        try:
            yield
        except (RedisConnectionError, RedisTimeoutError, BusyLoadingError, ReadOnlyError, OutOfMemoryError) as lost:
            if _is_refused_log_in(lost):
                raise BusUnavailableError(
                    f"The bus at {without_password(self.url)} refuses our user or password: mend the URL; "
                    "a worker gets a new password when its bot is restarted."
                ) from lost
            raise BusUnavailableError(
                f"The bus at {without_password(self.url)} does not answer ({lost}): it is tried again."
            ) from lost
        except NoPermissionError as refused:
            raise PermanentError(f"The bus does not allow this user to do that ({refused}).") from refused
        except RedisError as refused:
            # In a pipeline the number of the command comes first. The vendor has no type for this one.
            if "MISCONF" in str(refused):
                raise BusUnavailableError(
                    f"The bus at {without_password(self.url)} cannot write to its disk: free some space there. It is"
                    " tried again."
                ) from refused
            raise PermanentError(f"The bus refused a command ({refused}).") from refused

    async def ping(self) -> None:
        """Return when the server answers. Raises BusUnavailableError."""
        with self.guarded():
            await self.client.execute_command("PING")

    async def check_version(self) -> str:
        """The server's name and version. Raises InvalidInputError when it refuses us or is older than we need.

        Before Redis 7 there are neither key selectors nor read-only patterns, so bots could not be kept apart.
        """
        try:
            with self.guarded():
                facts = await self.client.info("server")
        except BusUnavailableError as lost:
            if _is_refused_log_in(lost.__cause__):
                raise InvalidInputError(
                    f"The bus at {without_password(self.url)} refuses the log-in: mend user and password in "
                    "HANFLEET_REDIS_URL."
                ) from lost
            raise
        # Valkey gives a redis_version of 7.2.4 for the sake of old clients, and its own beside it.
        name, version, oldest = ("Redis", facts.get("redis_version"), _OLDEST_REDIS)
        if "valkey_version" in facts:
            name, version, oldest = ("Valkey", facts["valkey_version"], _OLDEST_VALKEY)
        major = str(version).partition(".")[0]
        if not major.isdigit() or int(major) < oldest:
            raise InvalidInputError(
                f"The bus is {name} {version}, but Hanfleet needs Redis {_OLDEST_REDIS} or Valkey {_OLDEST_VALKEY} "
                "or newer: upgrade it, or leave out HANFLEET_REDIS_URL to use the one that comes along."
            )
        return f"{name} {version}"

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()


def _is_refused_log_in(error: BaseException | None) -> bool:
    return error is not None and any(isinstance(one, AuthenticationError) for one in (error, error.__cause__))


def entries_of(found: Any) -> list[Entry]:
    """The entries in the answer to a read of one stream; none when nothing came in time."""
    return [entry for _stream, entries in found or () for entry in entries]


@asynccontextmanager
async def open_bus(url: str, *, clock: Clock, name: str = "hanfleet") -> AsyncIterator[Bus]:
    """A Bus that is closed on the way out."""
    bus = Bus(url, clock=clock, name=name)
    try:
        yield bus
    finally:
        await bus.close()


def is_missing_group(error: ResponseError) -> bool:
    """True when the stream or its group is gone, as after a server that came back empty."""
    return str(error).startswith("NOGROUP")


def as_user(url: str, user: str, password: str) -> str:
    """``url`` with another user's log-in in the place of the one it carries."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = [(key, value) for key, value in parse_qsl(parts.query) if key not in ("username", "password")]
    log_in = f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"
    return urlunsplit((parts.scheme, log_in, parts.path, urlencode(query), ""))


def without_password(url: str) -> str:
    """``url`` for people: log-in and query left out."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) or "the bus"
