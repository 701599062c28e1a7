"""Single-bot mode: the old bot's folder, `hanfleet up --legacy-env`, and its contacts are told before they are answered."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from telethon.sessions.sqlite import SQLiteSession

from hanfleet.app.home import Home
from hanfleet.cli.stage.fleet_process import FleetProcess
from hanfleet.persona.texts import DISCLOSURE
from tests.support.legacy import message, write
from tests.support.ports import free_port
from tests.support.sandbox import API_HASH, API_ID, SandboxHandle, logged_in, sandbox_process
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("acceptance-3"), pytest.mark.timeout(180)]


@asynccontextmanager
async def _fleet(home: Home, sandbox: SandboxHandle, env: Path) -> AsyncIterator[FleetProcess]:
    fleet = FleetProcess(
        home.path,
        output=env.parent.parent / "up.log",
        api_port=free_port(),
        environ={"HANFLEET_TELEGRAM_SERVER": str(sandbox.directory / "sandbox.json"), "HANFLEET_LANG": "en"},
        arguments=("--legacy-env", str(env)),
    )
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.stop()


async def _old_folder(folder: Path, sandbox: SandboxHandle, bot: dict[str, Any], contact: dict[str, Any]) -> Path:
    """What the old script leaves behind: settings, a log, and a session that is logged in."""
    folder.mkdir()
    make_session: Any = SQLiteSession
    session = make_session(str(folder / "han_session"))
    client = await logged_in(sandbox, bot, session=session)
    await client.disconnect()
    write(folder / "conversations" / f"{contact['id']}.json", [message(1, "hi"), message(2, "hello you", "out")])
    return write(
        folder / ".env",
        f"TELEGRAM_API_ID={API_ID}\nTELEGRAM_API_HASH={API_HASH}\nTELEGRAM_PHONE={bot['phone']}\n"
        f"SESSION_NAME=han_session\nOPENAI_API_KEY=sk-any\nOPENAI_BASE_URL={sandbox.info['llm_url']}\n"
        "WAIT_FOR_MORE_SECONDS=0\n",
    )


async def test_the_old_bot_runs_and_tells_its_contacts_first(tmp_path: Path) -> None:
    home = Home.temporary()
    try:
        async with sandbox_process(tmp_path / "sandbox") as (_, sandbox):
            bot = await sandbox.account(first_name="Han", username="han_ai")
            contact = await sandbox.account(first_name="Ann")
            env = await _old_folder(tmp_path / "old", sandbox, bot, contact)
            async with _fleet(home, sandbox, env) as fleet:
                await _running(fleet)
                client = await logged_in(sandbox, contact)
                try:
                    await client.send_message("han_ai", "are you there?")

                    async def heard() -> list[str]:
                        read = await sandbox.messages(contact["id"])
                        texts = [one["text"] for one in read if one["from_id"] == bot["id"]]
                        return texts if len(texts) > 1 else []

                    first, *_rest = await eventually(heard, within=60, what="a disclosure and an answer")
                finally:
                    await client.disconnect()
                assert first in DISCLOSURE.values()
                before = await fleet.ask("GET", "/api/bots/han-session")
            said = fleet.output.read_text()
            assert "Imported to bot han-session: 1 contact, 2 messages, 0 metrics, 1 session." in said
            async with _fleet(home, sandbox, env) as fleet:
                await _running(fleet)
                after = await fleet.ask("GET", "/api/bots/han-session")
            assert after["config_version"] == before["config_version"]
            assert "was imported before" in fleet.output.read_text().removeprefix(said)
            stats = await sandbox.stats()
            assert stats["max_connections_per_auth_key"] == 1
    finally:
        home.destroy()


async def _running(fleet: FleetProcess) -> None:
    async def runs() -> bool:
        status = await fleet.ask("GET", "/api/bots/han-session/status")
        return bool(status["status"] == "running")

    await eventually(runs, within=60, what="the bot runs")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "There is no file"),
        ("TELEGRAM_API_ID=12\n", "makes no bot"),
        ("TELEGRAM_API_ID=abc\nTELEGRAM_API_HASH=0123456789abcdef\nTELEGRAM_PHONE=+15550100\n", "telegram_api_id"),
    ],
)
async def test_a_bad_env_is_refused_before_anything_is_made(tmp_path: Path, text: str | None, why: str) -> None:
    env = tmp_path / "old" / ".env"
    env.parent.mkdir()
    if text is not None:
        env.write_text(text)
    home = tmp_path / "home"
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "hanfleet", "up", "--legacy-env", str(env), "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 2
    assert why in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert not (home / "servers").exists()
