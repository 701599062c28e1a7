"""The stage: one sandbox, one fleet, bots logged in, contacts chatting; taken down without a trace."""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hanfleet.app.home import Home
from hanfleet.cli.messages import say
from hanfleet.cli.stage.cast import FAST_PACING, Role
from hanfleet.cli.stage.fleet_process import FleetProcess
from hanfleet.cli.stage.ports import free_port
from hanfleet.cli.stage.sandbox_process import SandboxProcess
from hanfleet.core.errors import PermanentError

_RUNNING_WITHIN_S = 60.0


@dataclass(frozen=True)
class Actor:
    """A bot on the stage: its persona and its account in the sandbox."""

    role: Role
    account_id: int
    token: str | None


class Stage:
    """Enter it to start sandbox and fleet; leave it to stop both and remove every file of theirs."""

    def __init__(
        self,
        *,
        tell: Callable[[str], None] = lambda _line: None,
        arguments: Sequence[str] = (),
        environ: dict[str, str] | None = None,
        pacing: dict[str, float] | None = None,
    ) -> None:
        self._tell = tell
        self._arguments = tuple(arguments)
        self._environ = environ or {}
        self._pacing = pacing or FAST_PACING
        self._exits = AsyncExitStack()
        self._chance = random.Random()  # noqa: S311 - chooses ports
        self.actors: list[Actor] = []

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._exits.aclose())

    async def _open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hanfleet-stage-"))
        self._exits.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.sandbox = SandboxProcess(
            self.folder / "sandbox", port=free_port(self._chance), control_port=free_port(self._chance)
        )
        self._exits.push_async_callback(self.sandbox.stop)
        await self.sandbox.start()
        self._tell(say("demo.sandbox_up"))
        home = Home.open(self.folder / "home")
        self._exits.callback(home.destroy)
        self.home = home
        self.fleet = FleetProcess(
            home.path,
            output=self.folder / "up.log",
            api_port=free_port(self._chance),
            environ={"HANFLEET_TELEGRAM_SERVER": str(self.sandbox.file), **self._environ},
            arguments=self._arguments,
        )
        self._exits.push_async_callback(self.fleet.stop)
        await self.fleet.start()
        self._tell(say("demo.fleet_up"))

    async def add_bots(self, roles: Sequence[Role]) -> None:
        """Make the accounts, register the bots, log them in; returns when all are Running."""
        added = [await self._add(role) for role in roles]
        self.actors.extend(added)
        await asyncio.gather(*(self._log_in(actor) for actor in added if not actor.role.bot_account))
        await self.running([actor.role.bot_id for actor in added])
        self._tell(say("demo.bots_up", names=", ".join(actor.role.name for actor in added)))

    async def _add(self, role: Role) -> Actor:
        account = await self.sandbox.ask(
            "POST",
            "/accounts",
            json={
                "kind": "bot" if role.bot_account else "user",
                "first_name": role.name,
                "username": f"{role.bot_id.replace('-', '_')}_{'bot' if role.bot_account else 'ai'}",
                **({} if role.bot_account else {"phone": role.phone, "password": role.password}),
            },
        )
        config = role.config(llm_url=self.sandbox.info["llm_url"], pacing=self._pacing, token=account.get("token"))
        await self.fleet.ask("POST", "/api/bots", json=config)
        return Actor(role, account["id"], account.get("token"))

    async def _log_in(self, actor: Actor) -> None:
        """What a person does with `hanfleet bots login`: ask for the code, type it, then the second factor."""
        path = f"/api/bots/{actor.role.bot_id}/login"
        await self._state(actor.role.bot_id, lambda bot: bot.get("phase") == "awaiting_login")
        await self.fleet.ask("POST", path)
        # Telegram has made the code before it answers the request for it.
        code = (await self.sandbox.ask("GET", f"/codes/{actor.role.phone}"))["code"]
        result = await self.fleet.ask("POST", f"{path}/code", json={"code": code})
        if result.get("password_needed"):
            await self.fleet.ask("POST", f"{path}/password", json={"password": actor.role.password})

    async def running(self, bot_ids: Sequence[str] | None = None) -> None:
        """Wait until these bots (default: all) are Running."""
        chosen = bot_ids or [actor.role.bot_id for actor in self.actors]
        await asyncio.gather(*(self._state(bot_id, lambda bot: bot["status"] == "running") for bot_id in chosen))

    async def stopped(self, bot_ids: Sequence[str]) -> None:
        """Wait until these bots are Stopped."""
        await asyncio.gather(*(self._state(bot_id, lambda bot: bot["status"] == "stopped") for bot_id in bot_ids))

    async def _state(self, bot_id: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        bot: dict[str, Any] = {}
        try:
            async with asyncio.timeout(_RUNNING_WITHIN_S):
                while True:
                    bot = await self.fleet.ask("GET", f"/api/bots/{bot_id}/status")
                    if wanted(bot):
                        return bot
                    await asyncio.sleep(0.03)
        except TimeoutError:
            reason = bot.get("status_reason") or say("bots.no_reason")
            sentence = say("demo.not_reached", bot_id=bot_id, seconds=f"{_RUNNING_WITHIN_S:g}", reason=reason)
            raise PermanentError(sentence) from None
