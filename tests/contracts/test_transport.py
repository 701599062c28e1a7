"""What every transport in the table owes before it ever touches a network."""

import inspect

import pytest
from pydantic import SecretStr

from hanfleet.core.errors import BotFailure, ConflictError
from hanfleet.core.messages import SessionSnapshot, UpdateBatch
from hanfleet.kit.clock import ManualClock
from hanfleet.kit.loading import load
from hanfleet.transports import TRANSPORTS, Transport, TransportCallbacks, TransportSettings, make_transport


@pytest.fixture(params=sorted(TRANSPORTS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Told:
    """Whoever listens; nothing should be said before a connection."""

    def __init__(self) -> None:
        self.things: list[object] = []

    async def on_batch(self, batch: UpdateBatch) -> None:
        self.things.append(batch)

    async def on_session(self, snapshot: SessionSnapshot) -> None:
        self.things.append(snapshot)

    def on_lost(self, failure: BotFailure) -> None:
        self.things.append(failure)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def transport(name: str, told: Told) -> Transport:
    settings = TransportSettings(api_id=1, api_hash=SecretStr("0123456789abcdef"))
    callbacks = TransportCallbacks(told.on_batch, told.on_session, told.on_lost)
    return make_transport(name, settings, callbacks, clock=ManualClock())


def test_every_method_has_the_shape_of_the_port(name: str) -> None:
    implementation = load(TRANSPORTS[name])
    for member, wanted in vars(Transport).items():
        if member.startswith("_"):
            continue
        given = inspect.getattr_static(implementation, member)
        assert isinstance(given, property) is isinstance(wanted, property), member
        if not isinstance(wanted, property):
            assert inspect.signature(given) == inspect.signature(wanted), member
            assert inspect.iscoroutinefunction(given), member


async def test_it_is_made_offline_and_silent(transport: Transport, told: Told) -> None:
    assert not transport.is_connected
    assert not transport.is_logged_in
    assert transport.user_id is None
    assert told.things == []


async def test_leaving_what_was_never_entered_is_harmless(transport: Transport, told: Told) -> None:
    await transport.disconnect()
    await transport.disconnect()
    assert told.things == []


async def test_nothing_is_asked_before_the_log_in(transport: Transport) -> None:
    for asking in (transport.ping(), transport.send_text(7, "hello", 1), transport.set_typing(7)):
        with pytest.raises(ConflictError):
            await asking
    await transport.disconnect()


async def test_its_words_show_no_secret(transport: Transport) -> None:
    assert "0123456789abcdef" not in repr(transport)
    assert "0123456789abcdef" not in repr(TransportSettings(1, SecretStr("0123456789abcdef")))


def test_a_name_outside_the_table_is_an_error() -> None:
    callbacks = TransportCallbacks(Told().on_batch, Told().on_session, Told().on_lost)
    with pytest.raises(KeyError):
        make_transport("pigeon", TransportSettings(1, SecretStr("x" * 8)), callbacks, clock=ManualClock())
