"""How a session ends: each end is named, and told exactly once."""

from pathlib import Path
from typing import Any

import pytest

from hanfleet.core.errors import BotFailure, PermanentError, TemporaryError
from hanfleet.core.failures import FailureKind
from hanfleet.transports import Transport
from tests.integration.transports.recorder import Recorder, online, say, transport_of
from tests.support.sandbox import SandboxHandle, running_sandbox
from tests.support.waiting import eventually

ENDS = [
    ("AUTH_KEY_UNREGISTERED", FailureKind.REAUTH),
    ("SESSION_REVOKED", FailureKind.REAUTH),
    ("AUTH_KEY_DUPLICATED", FailureKind.REAUTH),
    ("FROZEN_METHOD_INVALID", FailureKind.FROZEN),
    ("USER_DEACTIVATED_BAN", FailureKind.BANNED),
]


@pytest.mark.parametrize(("message", "kind"), ENDS)
async def test_an_end_on_a_send_is_named_and_told_once(
    sandbox: SandboxHandle,
    recorder: Recorder,
    user: dict[str, Any],
    ann: dict[str, Any],
    message: str,
    kind: FailureKind,
) -> None:
    async with online(sandbox, recorder, user) as transport:
        await say(sandbox, ann, user, "hello")
        await eventually(lambda: recorder.inbound)
        await sandbox.fault("rpc_error", method="messages.sendMessage", error_message=message)
        with pytest.raises(BotFailure) as lost:
            await transport.send_text(ann["id"], "too late", 1)
        assert lost.value.kind is kind
        assert not transport.is_connected
        with pytest.raises(BotFailure):
            await transport.ping()
    assert recorder.losses == [lost.value]


@pytest.mark.parametrize(("message", "kind"), ENDS)
async def test_an_end_while_nobody_asks_shows_at_the_next_difference(
    sandbox: SandboxHandle, recorder: Recorder, bot: dict[str, Any], message: str, kind: FailureKind
) -> None:
    async with online(sandbox, recorder, bot) as transport:
        await transport.ping()
        await sandbox.fault("rpc_error", method="updates.getDifference", error_message=message)
        await transport.catch_up()
        await eventually(lambda: recorder.losses)
        assert not transport.is_connected
    assert [failure.kind for failure in recorder.losses] == [kind]


async def test_a_forgotten_key_is_noticed_at_once(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await sandbox.fault("forget_key", account_id=us["id"])
        with pytest.raises((BotFailure, TemporaryError)):
            await transport.ping()
        await eventually(lambda: recorder.losses)
        assert not transport.is_connected
    assert [failure.kind for failure in recorder.losses] == [FailureKind.REAUTH]


async def test_a_stored_session_that_is_refused_fails_the_start(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us):
        pass
    await sandbox.fault("forget_key", account_id=us["id"])
    again = transport_of(sandbox, recorder)
    with pytest.raises(BotFailure) as refused:
        await again.connect()
    await again.disconnect()
    assert refused.value.kind is FailureKind.REAUTH
    assert recorder.losses == []


@pytest.mark.parametrize("method", ["help.getConfig", "users.getUsers"])
@pytest.mark.parametrize(("message", "kind"), ENDS)
async def test_an_end_at_the_start_is_named(
    sandbox: SandboxHandle, recorder: Recorder, user: dict[str, Any], method: str, message: str, kind: FailureKind
) -> None:
    async with online(sandbox, recorder, user):
        pass
    await sandbox.fault("rpc_error", method=method, error_message=message)
    again = transport_of(sandbox, recorder)
    with pytest.raises(BotFailure) as refused:
        await again.connect()
    await again.disconnect()
    assert refused.value.kind is kind
    assert recorder.losses == []


async def test_two_programs_on_one_session_both_end_with_the_reason(tmp_path: Path, recorder: Recorder) -> None:
    async with running_sandbox(tmp_path, refuse_second_connection=True) as sandbox:
        us = await sandbox.account("user", "Mia")
        async with online(sandbox, recorder, us) as first:
            second_recorder = Recorder()
            second_recorder.snapshot = recorder.stored()
            second = transport_of(sandbox, second_recorder)
            with pytest.raises(BotFailure) as refused:
                await _use(second)
            with pytest.raises(BotFailure):
                await first.ping()
            await second.disconnect()
    assert refused.value.kind is FailureKind.REAUTH
    assert [failure.kind for failure in recorder.losses] == [FailureKind.REAUTH]


async def _use(transport: Transport) -> None:
    await transport.connect()
    await transport.ping()


async def test_a_flood_limit_surfaces_with_its_seconds_every_time(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await say(sandbox, ann, us, "hello")
        await eventually(lambda: recorder.inbound)
        for seconds in (3, 77):
            await sandbox.fault("rpc_error", method="messages.sendMessage", error_message=f"FLOOD_WAIT_{seconds}")
            with pytest.raises(TemporaryError) as limited:
                await transport.send_text(ann["id"], "too much", 1)
            assert limited.value.retry_after == seconds
        assert transport.is_connected
        assert (await transport.send_text(ann["id"], "later", 1)).telegram_id
    assert recorder.losses == []


@pytest.mark.parametrize(
    ("message", "error"),
    [("PEER_FLOOD", TemporaryError), ("USER_IS_BLOCKED", PermanentError), ("INTERNAL_SERVER_ERROR", TemporaryError)],
)
async def test_a_refusal_of_one_send_costs_nothing_else(
    sandbox: SandboxHandle,
    recorder: Recorder,
    us: dict[str, Any],
    ann: dict[str, Any],
    message: str,
    error: type[Exception],
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await say(sandbox, ann, us, "hello")
        await eventually(lambda: recorder.inbound)
        code = 500 if message.startswith("INTERNAL") else 400
        await sandbox.fault("rpc_error", method="messages.sendMessage", error_message=message, error_code=code)
        with pytest.raises(error):
            await transport.send_text(ann["id"], "refused", 1)
        assert (await transport.send_text(ann["id"], "taken", 2)).telegram_id
    assert recorder.losses == []
