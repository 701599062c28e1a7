"""Logging in and out, and what is said to whoever mistypes."""

import dataclasses
from typing import Any

import pytest
from pydantic import SecretStr

from hanfleet.core.errors import BotFailure, ConflictError, HanfleetError, InvalidInputError, TemporaryError
from hanfleet.core.failures import FailureKind
from hanfleet.transports import PasswordNeededError
from tests.integration.transports.recorder import Recorder, log_in, online, say, transport_of
from tests.support.sandbox import SandboxHandle
from tests.support.waiting import eventually


async def test_a_log_in_gives_a_session_that_goes_on(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        assert transport.is_connected
        assert transport.user_id == us["id"]
        assert transport.is_bot is (us["kind"] == "bot")
    key_only, complete = recorder.snapshots
    assert key_only.telegram_user_id is None
    assert complete.telegram_user_id == us["id"]
    assert complete.auth_key == key_only.auth_key
    assert complete.state is not None
    again = transport_of(sandbox, recorder)
    await again.connect()
    assert again.is_logged_in
    assert again.user_id == us["id"]
    assert len(recorder.snapshots) == 2
    await again.disconnect()
    assert not again.is_connected


async def test_two_step_verification(sandbox: SandboxHandle, recorder: Recorder) -> None:
    account = await sandbox.account("user", "Mia", password="correct horse")
    transport = transport_of(sandbox, recorder)
    await transport.connect()
    with pytest.raises(PasswordNeededError):
        await log_in(transport, sandbox, account)
    with pytest.raises(InvalidInputError, match="password"):
        await transport.submit_password(SecretStr("wrong horse"))
    assert not transport.is_logged_in
    await transport.submit_password(SecretStr("correct horse"))
    assert transport.user_id == account["id"]
    await transport.disconnect()


async def test_what_is_mistyped_is_said_in_a_sentence(
    sandbox: SandboxHandle, recorder: Recorder, user: dict[str, Any]
) -> None:
    transport = transport_of(sandbox, recorder)
    await transport.connect()
    with pytest.raises(ConflictError, match="Ask for one first"):
        await transport.submit_code(SecretStr("12345"))
    await transport.request_code("+" + user["phone"].lstrip("+"))
    code = await sandbox.code(user["phone"])
    with pytest.raises(InvalidInputError, match="code"):
        await transport.submit_code(SecretStr("0" * len(code) if code[0] != "0" else "1" * len(code)))
    await transport.submit_code(SecretStr(f" {code} "))
    assert transport.user_id == user["id"]
    await transport.disconnect()


@pytest.mark.parametrize(
    ("method", "word", "kind", "next_step"),
    [
        ("auth.sendCode", "PHONE_NUMBER_FLOOD", TemporaryError, "wait a day, then log in again"),
        ("auth.signIn", "PHONE_PASSWORD_FLOOD", TemporaryError, "wait a day, then log in again"),
        ("auth.signIn", "PHONE_NUMBER_BANNED", BotFailure, "Give the bot another account"),
        ("auth.signIn", "PHONE_CODE_EXPIRED", ConflictError, "log in again, and a new one is sent"),
        ("auth.signIn", "PHONE_NUMBER_UNOCCUPIED", ConflictError, "Sign up in Telegram's own app"),
    ],
)
async def test_what_no_other_code_mends_is_no_mistyped_code_and_names_the_next_step(
    sandbox: SandboxHandle,
    recorder: Recorder,
    user: dict[str, Any],
    method: str,
    word: str,
    kind: type[HanfleetError],
    next_step: str,
) -> None:
    transport = transport_of(sandbox, recorder)
    await transport.connect()
    await sandbox.fault("rpc_error", method=method, error_message=word)
    with pytest.raises(kind, match=next_step):
        await log_in(transport, sandbox, user)
    await transport.disconnect()


async def test_a_phone_or_token_without_an_account_is_refused(sandbox: SandboxHandle, recorder: Recorder) -> None:
    transport = transport_of(sandbox, recorder)
    await transport.connect()
    with pytest.raises(BotFailure) as refused:
        await transport.log_in_with_token(SecretStr("12345:nobodys-token-at-all"))
    assert refused.value.kind is FailureKind.CONFIG
    with pytest.raises(InvalidInputError, match="set the right one with hanfleet bots configure, restart the bot"):
        await transport.request_code("+000")
    assert recorder.losses == []
    await transport.disconnect()


async def test_a_listener_may_refuse_who_logged_in(
    sandbox: SandboxHandle, recorder: Recorder, user: dict[str, Any]
) -> None:
    transport = transport_of(sandbox, recorder)
    await transport.connect()
    recorder.refusal = ConflictError("This bot belongs to another Telegram user.")
    with pytest.raises(ConflictError, match="another Telegram user"):
        await log_in(transport, sandbox, user)
    assert not transport.is_connected
    assert recorder.losses == []
    recorder.refusal = None
    assert all(key["account_id"] is None for key in (await sandbox.stats())["auth_keys"])


async def test_a_log_in_that_was_never_stored_is_told_at_the_next_start(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us):
        pass
    recorder.snapshot = recorder.snapshots[0]
    async with online(sandbox, recorder, us) as transport:
        assert transport.user_id == us["id"]
    assert recorder.snapshot.telegram_user_id == us["id"]
    assert recorder.snapshot.state is not None


async def test_a_new_log_in_of_the_same_user_brings_what_came_in_between(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any], ann: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await say(sandbox, ann, us, "1")
        await eventually(lambda: recorder.inbound == ["1"])
        await transport.log_out()
    await say(sandbox, ann, us, "2", "3")
    assert recorder.snapshot is not None
    recorder.snapshot = dataclasses.replace(recorder.snapshot, auth_key=b"")
    async with online(sandbox, recorder, us):
        await eventually(lambda: recorder.inbound == ["1", "2", "3"])
    assert recorder.repeated == []


async def test_after_logging_out_the_key_is_worthless(
    sandbox: SandboxHandle, recorder: Recorder, us: dict[str, Any]
) -> None:
    async with online(sandbox, recorder, us) as transport:
        await transport.log_out()
        assert not transport.is_connected
    again = transport_of(sandbox, recorder)
    with pytest.raises(BotFailure) as refused:
        await again.connect()
    assert refused.value.kind is FailureKind.REAUTH
    assert recorder.losses == []
    await again.disconnect()
