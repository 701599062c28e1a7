"""The sandbox as a process of its own, with its control interface at hand."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import httpx

from hanfleet.app.spawn import Spawned, spawn
from hanfleet.cli.stage.environment import inherited
from hanfleet.core.errors import PermanentError

_READY_WITHIN_S = 20.0


class SandboxProcess:
    """Started on a folder and two ports that stay the same over restarts, so that clients find it again."""

    def __init__(self, folder: Path, *, port: int, control_port: int) -> None:
        self.folder = folder
        self.port = port
        self.control_port = control_port
        self.info: dict[str, Any] = {}
        self.process: Spawned | None = None
        self._control: httpx.AsyncClient | None = None

    @property
    def file(self) -> Path:
        """The file that stands for Telegram's address (HANFLEET_TELEGRAM_SERVER)."""
        return self.folder / "sandbox.json"

    @property
    def control(self) -> httpx.AsyncClient:
        """An HTTP client of the control interface, its token included."""
        assert self._control is not None, "start() first"
        return self._control

    async def start(self) -> None:
        """Start, or start again after a death; returns when both ports answer."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.file.unlink(missing_ok=True)
        self.process = spawn(
            [
                *(sys.executable, "-m", "hanfleet.sandbox", "--dir", str(self.folder)),
                *("--port", str(self.port), "--control-port", str(self.control_port)),
            ],
            environ=inherited(),
            output=self.folder / "sandbox.log",
            parent_death_signal=signal.SIGKILL,
        )
        self.info = await self._ready()
        if self._control is None:
            self._control = httpx.AsyncClient(
                base_url=self.info["control_url"],
                headers={"Authorization": f"Bearer {self.info['control_token']}"},
                timeout=30,
                trust_env=False,
            )

    async def _ready(self) -> dict[str, Any]:
        assert self.process is not None
        async with asyncio.timeout(_READY_WITHIN_S):
            while True:
                if self.process.collect():
                    raise PermanentError(f"The sandbox ended at once; its log says why: {self.folder / 'sandbox.log'}")
                if self.file.exists():
                    info: dict[str, Any] = json.loads(self.file.read_text())
                    return info
                await asyncio.sleep(0.02)

    async def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """One call of the control interface; gives the JSON. Raises httpx.HTTPStatusError when refused."""
        answer = await self.control.request(method, path, **arguments)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def stop(self) -> None:
        if self._control is not None:
            await self._control.aclose()
            self._control = None
        if self.process is not None:
            await self.process.stop(signal.SIGTERM, within=5)
