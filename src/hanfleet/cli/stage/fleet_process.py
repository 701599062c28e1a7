"""`hanfleet up` as a process of its own, spoken to through its REST API like any fleet."""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from hanfleet.app.spawn import Spawned, spawn
from hanfleet.cli.stage.environment import inherited
from hanfleet.core.errors import PermanentError

_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 40.0


class FleetProcess:
    """One `up` on one home. ``processes()`` names the living parts by pid."""

    def __init__(
        self,
        home: Path,
        *,
        output: Path,
        api_port: int,
        environ: Mapping[str, str],
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.home = home
        self.api_port = api_port
        self.output = output
        self.process: Spawned | None = None
        # What is rehearsed is not worth keeping.
        self._environ = {**inherited(), "HANFLEET_BACKUP_HOUR": "off", **environ}
        self._arguments = arguments
        self._api: httpx.AsyncClient | None = None

    @property
    def api(self) -> httpx.AsyncClient:
        """An HTTP client of the REST API, its token included."""
        assert self._api is not None, "start() first"
        return self._api

    async def start(self) -> None:
        """Start, or start again after a death; returns when the API says that all is well."""
        self.process = spawn(
            [
                *(sys.executable, "-m", "hanfleet", "up", "--home", str(self.home)),
                *("--api-port", str(self.api_port), *self._arguments),
            ],
            environ=self._environ,
            output=self.output,
            parent_death_signal=signal.SIGTERM,
        )
        async with asyncio.timeout(_READY_WITHIN_S):
            await self._healthy()
        if self._api is None:
            token = json.loads((self.home / "secrets.json").read_text())["api_token"]
            self._api = httpx.AsyncClient(
                base_url=self._url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
            )

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    async def _healthy(self) -> None:
        assert self.process is not None
        async with httpx.AsyncClient(base_url=self._url, timeout=2, trust_env=False) as client:
            while True:
                if self.process.collect():
                    raise PermanentError(f"hanfleet up ended: {self.output.read_text()[-2000:]}")
                try:
                    if (await client.get("/healthz")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.02)

    def processes(self) -> dict[str, int]:
        """The parts that `up` runs now, by name: postgres, valkey, supervisor, api, zygote, up."""
        parts: dict[str, int] = json.loads((self.home / "processes.json").read_text())
        return parts

    async def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """One call of the REST API; gives the JSON. Raises PermanentError with the problem's detail."""
        answer = await self.api.request(method, path, **arguments)
        if answer.is_error:
            raise PermanentError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    async def stop(self) -> int | None:
        """What Ctrl-C does: drain and stop everything. Gives `up`'s exit status."""
        if self._api is not None:
            await self._api.aclose()
            self._api = None
        if self.process is None:
            return None
        return await self.process.stop(signal.SIGINT, within=_STOP_WITHIN_S)
