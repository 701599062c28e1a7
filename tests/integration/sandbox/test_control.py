"""The control interface by itself: its door, its accounts, its refusals."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hanfleet.sandbox.refusals import StartRefusedError
from hanfleet.sandbox.server import Sandbox
from tests.support.ports import free_port
from tests.support.sandbox import SandboxHandle, running_sandbox


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxHandle]:
    async with running_sandbox(tmp_path) as handle:
        yield handle


async def test_the_door_asks_for_the_token_and_the_model_for_any_key(sandbox: SandboxHandle) -> None:
    async with httpx.AsyncClient(base_url=sandbox.info["control_url"], trust_env=False) as stranger:
        for path in ("/accounts", "/stats", "/faults", "/codes/1", "/llm/stats"):
            assert (await stranger.get(path)).status_code == 401, path
            assert (await stranger.get(path, headers={"Authorization": "Bearer guess"})).status_code == 401, path
        answer = await stranger.post(
            "/v1/chat/completions",
            headers={"Authorization": "Bearer any"},
            json={"model": "m", "messages": [{"role": "user", "content": "hi"}]},
        )
        assert answer.status_code == 200, answer.text
        assert "/accounts/{account_id}/messages" in (await stranger.get("/openapi.json")).json()["paths"]


async def test_sandbox_json_is_for_the_owner_alone(sandbox: SandboxHandle) -> None:
    for name in ("sandbox.json", "sandbox.sqlite"):
        assert stat.S_IMODE((sandbox.directory / name).stat().st_mode) == 0o600
    assert set(sandbox.info) == {
        "address", "port", "dc_id", "public_key_pem", "fingerprint", "control_url", "control_token", "llm_url",
    }  # fmt: skip


async def test_accounts_are_made_whole(sandbox: SandboxHandle) -> None:
    ann = await sandbox.account(last_name="Lee", phone="+49 170 123", username="@ann_lee", password="x")
    assert (ann["phone"], ann["username"], ann["has_password"]) == ("49170123", "ann_lee", True)
    bot = await sandbox.account("bot", "Bob", token="7123456789:AbCdEfGhIjKlMnOpQrStUvWxYz")
    assert bot["id"] == 7123456789
    assert (await sandbox.account("bot", "B"))["token"].startswith("70000000")
    assert [one["first_name"] for one in (await sandbox.control.get("/accounts")).json()] == ["Ann", "Bob", "B"]
    assert (await sandbox.control.get(f"/accounts/{ann['id']}")).json() == ann


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"kind": "robot", "first_name": "A"}, "user"),
        ({"kind": "user"}, "first_name"),
        ({"kind": "user", "first_name": "A", "token": "1:x"}, "no token"),
        ({"kind": "bot", "first_name": "A", "phone": "12345"}, "no phone"),
        ({"kind": "bot", "first_name": "A", "token": "x"}, "a colon"),
        ({"kind": "user", "first_name": "A", "username": "1abc"}, "begins with a letter"),
        ({"kind": "user", "first_name": "A", "username": "TAKEN_name"}, "taken"),
        ({"kind": "user", "first_name": "A", "phone": "1000001"}, "taken"),
        ({"kind": "user", "first_name": "A", "phone": "12"}, "5 to 15 digits"),
    ],
)
async def test_impossible_accounts_are_explained(sandbox: SandboxHandle, body: dict[str, str], words: str) -> None:
    await sandbox.account(username="taken_name", phone="1000001")
    answer = await sandbox.control.post("/accounts", json=body)
    assert answer.status_code == 422
    assert words in answer.text
    assert len((await sandbox.control.get("/accounts")).json()) == 1


async def test_acting_as_an_account(sandbox: SandboxHandle) -> None:
    ann, ben = await sandbox.account(username="ann_t"), await sandbox.account(first_name="Ben")
    control = sandbox.control
    mine, theirs = f"/accounts/{ann['id']}", f"/accounts/{ben['id']}"
    first = (await control.post(f"{mine}/messages", json={"to": ben["id"], "text": "hello"})).json()
    answer = await control.post(f"{theirs}/messages", json={"to": "ann_t", "text": "hi", "reply_to": 1})
    assert answer.status_code == 201
    assert (await control.patch(f"{mine}/messages/{first['id']}", json={"text": "hello!"})).status_code == 204
    assert (await control.post(f"{theirs}/read", json={"peer": ann["id"]})).status_code == 204
    assert (await control.post(f"{theirs}/typing", json={"peer": "ann_t"})).status_code == 204
    box = await sandbox.messages(ann["id"], peer=ben["id"])
    assert [(m["text"], m["out"], m["read"], m["reply_to"]) for m in box] == [
        ("hello!", True, True, None),
        ("hi", False, False, first["id"]),
    ]
    assert box[0]["edit_date"] >= box[0]["date"]
    (dialog,) = (await control.get(f"{mine}/dialogs")).json()
    assert (dialog["peer_id"], dialog["unread_count"]) == (ben["id"], 1)
    assert (await control.delete(f"{mine}/messages/{first['id']}")).status_code == 204
    assert [m["text"] for m in await sandbox.messages(ben["id"])] == ["hi"]
    assert [m["text"] for m in await sandbox.messages(ann["id"], after_id=first["id"], limit=5)] == ["hi"]


async def test_what_telegram_refuses_is_refused_here_too(sandbox: SandboxHandle) -> None:
    ann, bot = await sandbox.account(), await sandbox.account("bot", "Bob")
    cases = (
        (f"/accounts/{bot['id']}/messages", {"to": ann["id"], "text": "first!"}, 409, "PEER_ID_INVALID"),
        (f"/accounts/{ann['id']}/messages", {"to": bot["id"], "text": " "}, 409, "MESSAGE_EMPTY"),
        (f"/accounts/{ann['id']}/messages", {"to": "nobody", "text": "x"}, 404, "no account nobody"),
        ("/accounts/1/messages", {"to": ann["id"], "text": "x"}, 404, "no account 1"),
    )
    for path, body, code, words in cases:
        answer = await sandbox.control.post(path, json=body)
        assert (answer.status_code, words in answer.text) == (code, True), answer.text
    assert (await sandbox.control.patch(f"/accounts/{ann['id']}/messages/9", json={"text": "x"})).status_code == 409
    assert (await sandbox.control.delete(f"/accounts/{ann['id']}/messages/9")).status_code == 404
    assert (await sandbox.control.get("/codes/12345")).status_code == 404
    huge = 10**30
    assert (await sandbox.control.delete(f"/accounts/{ann['id']}/messages/{huge}")).status_code == 422
    assert (await sandbox.control.get(f"/accounts/{huge}")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/accounts/{ann}/messages", b'{"to": 1, "text": "\\ud800"}', "text: it holds half of a surrogate pair"),
        ("/accounts/{ann}/messages", b'{"to": "\\udfff", "text": "x"}', "to: it holds half of a surrogate pair"),
        ("/accounts/{ann}/messages", b'{"to": 1, "text": "x", "\\ud800": 1}', "the body: "),
        ("/accounts/{ann}/messages", b'{"to": 1e400, "text": "x"}', "to.int: "),
        ("/accounts/{ann}/messages", b'{"to": 1', "the body: it is not valid JSON"),
        ("/accounts", b'{"kind": "user", "first_name": "\\ud800"}', "first_name: it holds half of a surrogate pair"),
        ("/accounts", b'{"kind": "robot", "first_name": "A"}', "kind: "),
        ("/faults", b'{"fault": "rpc_error", "method": "\\ud800"}', "method: it holds half of a surrogate pair"),
        ("/llm/faults", b'{"fault": "plague"}', "fault: "),
    ],
)
async def test_odd_bodies_get_a_sentence_and_change_nothing(
    sandbox: SandboxHandle, path: str, body: bytes, place: str
) -> None:
    ann = await sandbox.account()
    answer = await sandbox.control.post(
        path.format(ann=ann["id"]), content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"].startswith(f"Nothing was changed; please mend {place}")
    assert len((await sandbox.control.get("/accounts")).json()) == 1
    assert await sandbox.messages(ann["id"]) == []


async def test_a_directory_is_held_by_one_sandbox(sandbox: SandboxHandle, tmp_path: Path) -> None:
    with pytest.raises(StartRefusedError, match=f"Another sandbox uses {sandbox.directory}: stop it"):
        async with running_sandbox(tmp_path):
            pass


async def test_a_start_that_cannot_be_is_refused_with_a_sentence(sandbox: SandboxHandle, tmp_path: Path) -> None:
    taken, free = sandbox.info["port"], free_port()
    control = int(sandbox.info["control_url"].rpartition(":")[2])
    (tmp_path / "file").touch()
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "sandbox.sqlite").write_text("not a database" * 100)
    cases: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("second", {"port": taken}, rf"on 127.0.0.1:{taken} \(Address already in use\): .* --port"),
        ("second", {"port": free, "control_port": control}, r"\(Address already in use\): .* --control-port"),
        ("second", {"port": free, "control_port": free}, f"share port {free}: .* --control-port"),
        ("second", {"port": 65535, "control_port": 0}, "After port 65535 .* --control-port"),
        ("second", {"port": free, "host": "192.0.2.1"}, r"\(Cannot assign requested address\)"),
        ("file", {"port": free}, r"in \S+/file \(File exists\): .* --dir"),
        ("strange", {"port": free}, r"in \S+/strange \(file is not a database\): .* --dir"),
    )
    for directory, options, words in cases:
        with pytest.raises(StartRefusedError, match=words):
            async with Sandbox(tmp_path / directory, **{"control_port": free_port(), **options}):
                pass
    assert not (tmp_path / "second" / "sandbox.json").exists()
