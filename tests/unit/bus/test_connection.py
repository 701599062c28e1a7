import pytest
from redis.exceptions import OutOfMemoryError, ResponseError

from hanfleet.bus import Bus
from hanfleet.bus.connection import as_user, without_password
from hanfleet.core.errors import BusUnavailableError, InvalidInputError, PermanentError
from hanfleet.kit.clock import ManualClock


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://admin:old@cache.example:6379/0", "redis://bot:p%40ss%2F@cache.example:6379/0"),
        ("rediss://cache.example:6379/2", "rediss://bot:p%40ss%2F@cache.example:6379/2"),
        ("unix://admin:old@/run/x%20y/v.sock?db=0", "unix://bot:p%40ss%2F@/run/x%20y/v.sock?db=0"),
        ("unix:///run/v.sock?password=old&db=0", "unix://bot:p%40ss%2F@/run/v.sock?db=0"),
    ],
)
def test_another_user_takes_the_place_of_the_first(url: str, expected: str) -> None:
    assert as_user(url, "bot", "p@ss/") == expected


@pytest.mark.parametrize(
    "url", ["redis://u:geheim@h:1/0", "unix://u:geheim@/run/v.sock?db=0", "unix:///run/v.sock?password=geheim"]
)
def test_nothing_that_prints_tells_the_password(url: str) -> None:
    assert "geheim" not in without_password(url)
    assert "geheim" not in repr(Bus(url, clock=ManualClock()))


def test_a_url_of_another_kind_is_a_sentence() -> None:
    with pytest.raises(InvalidInputError, match="must begin with redis://"):
        Bus("http://example", clock=ManualClock())


class Answering:
    """A server that tells its version."""

    def __init__(self, **facts: object) -> None:
        self.facts = facts

    async def info(self, _section: str) -> dict[str, object]:
        return self.facts


def bus_answering(**facts: object) -> Bus:
    bus = Bus("redis://localhost:1/0", clock=ManualClock())
    bus.client = Answering(**facts)
    return bus


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"redis_version": "7.0.15"}, "Redis 7.0.15"),
        ({"redis_version": "8.2.0"}, "Redis 8.2.0"),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.1"}, "Valkey 8.1.1"),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.0"}, "Valkey 9.1.0"),
    ],
)
async def test_a_new_enough_server_is_named(facts, name) -> None:
    assert await bus_answering(**facts).check_version() == name


@pytest.mark.parametrize(
    "facts",
    [
        {"redis_version": "6.2.14"},
        {"redis_version": "7.2.4", "valkey_version": "7.2.6"},
        {"redis_version": "unstable"},
        {},
    ],
)
async def test_a_server_too_old_is_refused_with_a_sentence(facts) -> None:
    with pytest.raises(InvalidInputError, match=r"needs Redis 7 or Valkey 8 or newer: upgrade it"):
        await bus_answering(**facts).check_version()


async def test_a_server_that_is_not_there_is_unavailable(tmp_path) -> None:
    bus = Bus(f"unix://{tmp_path}/none.sock", clock=ManualClock())
    with pytest.raises(BusUnavailableError, match="does not answer"):
        await bus.ping()
    await bus.close()


@pytest.mark.parametrize("where", ["", "Command # 1 (XADD hf:events:lifecycle) of pipeline caused error: "])
def test_a_server_that_cannot_write_is_unavailable_until_it_can(where: str) -> None:
    bus = Bus("redis://localhost:1/0", clock=ManualClock())
    full = f"{where}MISCONF Errors writing to the AOF file: No space left on device"
    with (
        pytest.raises(BusUnavailableError, match=r"localhost:1/0 cannot write to its disk: free some space"),
        bus.guarded(),
    ):
        raise ResponseError(full)
    with pytest.raises(BusUnavailableError), bus.guarded():
        raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
    with pytest.raises(PermanentError, match="refused a command"), bus.guarded():
        raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
