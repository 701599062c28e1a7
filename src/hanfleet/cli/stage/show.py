"""The demo: a fleet, a sandbox and simulated contacts on a temporary home, shown until the time is up or Ctrl-C."""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from hanfleet.app.signals import on_ending
from hanfleet.cli.messages import say
from hanfleet.cli.stage.cast import roles
from hanfleet.cli.stage.report import build_report
from hanfleet.cli.stage.stage import Stage
from hanfleet.cli.stage.troupe import troupe
from hanfleet.cli.stage.view import View
from hanfleet.cli.terminal import printable
from hanfleet.sandbox.contacts.judge import judge
from hanfleet.sandbox.contacts.simulator import SaidLine

_GLANCE_S = 0.5
_COLLECT_S = 10.0
_COLUMNS = ("bot", "received", "answered", "lost", "doubled", "uss", "p50", "p95", "waits", "model")
_ANY_WIDTH = 1000


@dataclass(frozen=True)
class DemoOptions:
    """What the command line asked for; ``seconds`` None runs until Ctrl-C."""

    seconds: float | None = None
    bots: int = 3
    contacts: int = 6
    report: Path | None = None
    plain: bool = False
    seed: int = 7


@dataclass(frozen=True)
class Outcome:
    """A run that came to its end."""

    report: dict[str, Any]

    @property
    def bad(self) -> bool:
        """Whether anything was lost or doubled."""
        return any(bot["lost"] or bot["doubled"] for bot in self.report["bots"])

    def as_json(self) -> str:
        return json.dumps(self.report, indent=2, ensure_ascii=False)


async def run_demo(options: DemoOptions, console: Console) -> Outcome | None:
    """Show it; None when the person left before anybody chatted. Raises HanfleetError when it does not come up."""
    stopped = asyncio.Event()
    numbers = on_ending(stopped.set)
    show = _Show(options, console, stopped)
    try:
        return await show.run()
    finally:
        for number in numbers:
            asyncio.get_running_loop().remove_signal_handler(number)


class _Show:
    def __init__(self, options: DemoOptions, console: Console, stopped: asyncio.Event) -> None:
        self._options = options
        self._console = console
        self._stopped = stopped
        self._view = View(seconds=options.seconds)
        self._began = time.monotonic()

    async def run(self) -> Outcome | None:
        if self._options.plain:
            outcome = await self._play()
        else:
            # The live view makes room for the summary when it ends.
            with Live(self._view, console=self._console, refresh_per_second=4, transient=True):
                outcome = await self._play()
        if outcome:
            self._console.print(summary(outcome.report, self._console))
        return outcome

    def _say(self, line: str) -> None:
        self._view.progress = line
        if self._options.plain:
            self._console.print(f"{time.monotonic() - self._began:6.1f} s  {line}", highlight=False, markup=False)

    def _heard(self, line: SaidLine) -> None:
        self._view.heard(line)
        if self._options.plain:
            who = f"{line.contact} → {line.bot}" if line.author == "contact" else f"{line.bot} → {line.contact}"
            self._say_plain(f"{who}: {printable(' '.join(line.text.split()))}")

    def _say_plain(self, line: str) -> None:
        self._console.print(f"          {line}", highlight=False, markup=False)

    async def _play(self) -> Outcome | None:
        self._say(say("demo.setting_up"))
        stage = Stage(tell=self._say)
        opening = asyncio.ensure_future(stage.__aenter__())
        if not await self._unless_stopped(opening):
            return None
        try:
            return await self._act(stage)
        finally:
            try:
                self._say(say("demo.taking_down"))
            finally:
                await stage.__aexit__(None, None, None)

    async def _unless_stopped(self, task: "asyncio.Future[Any]") -> bool:
        """Wait for ``task``, but give it up (and let it clean up) when the person wants to leave."""
        leaving = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                return False
            await task
            return True
        finally:
            leaving.cancel()

    async def _act(self, stage: Stage) -> Outcome | None:
        self._view.facts = [
            say("demo.fact.api", url=f"http://127.0.0.1:{stage.fleet.api_port}", home=stage.home.path),
            say("demo.fact.sandbox", url=stage.sandbox.info["control_url"]),
        ]
        adding = asyncio.ensure_future(stage.add_bots(roles(self._options.bots)))
        if not await self._unless_stopped(adding):
            return None
        async with troupe(
            stage.sandbox.info, stage.actors, self._options.contacts, seed=self._options.seed, on_line=self._heard
        ) as crowd:
            startup_s = time.monotonic() - self._began
            self._view.begin()
            self._say(say("demo.chatting"))
            await self._watch(stage)
            self._say(say("demo.collecting"))
            verdict = judge(await crowd.finish(_COLLECT_S))
            report = build_report(verdict, startup_s=startup_s, **await _evidence(stage))
        outcome = Outcome(report)
        self._write(outcome)
        return outcome

    async def _watch(self, stage: Stage) -> None:
        deadline = time.monotonic() + self._options.seconds if self._options.seconds else None
        while not self._stopped.is_set() and (deadline is None or time.monotonic() < deadline):
            self._view.bots = await _statuses(stage)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _GLANCE_S)

    def _write(self, outcome: Outcome) -> None:
        if self._options.report:
            self._options.report.write_text(outcome.as_json() + "\n", encoding="utf-8")


async def _statuses(stage: Stage) -> list[Mapping[str, Any]]:
    ids = [actor.role.bot_id for actor in stage.actors]
    return list(await asyncio.gather(*(stage.fleet.ask("GET", f"/api/bots/{bot_id}/status") for bot_id in ids)))


async def _evidence(stage: Stage) -> dict[str, Any]:
    """What the report needs besides the contacts' verdict."""
    statuses = await _statuses(stage)
    stats = await stage.sandbox.ask("GET", "/stats")
    return {
        "supervisor_rss_mb": psutil.Process(stage.fleet.processes()["supervisor"]).memory_info().rss / 2**20,
        "uss_mb": {status["bot_id"]: _rounded(status.get("uss_mb")) for status in statuses},
        "outbox": {status["bot_id"]: await outbox_of(stage, status["bot_id"]) for status in statuses},
        "requests": await stage.sandbox.ask("GET", "/llm/requests", params={"limit": 100_000}),
        "telegram": stage.sandbox.info | {"max_connections_per_auth_key": stats["max_connections_per_auth_key"]},
    }


async def outbox_of(stage: Stage, bot_id: str) -> list[dict[str, Any]]:
    """Every outbox row of a bot, page by page."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {"limit": 500} | ({"cursor": cursor} if cursor else {})
        page = await stage.fleet.ask("GET", f"/api/bots/{bot_id}/outbox", params=query)
        rows += page["items"]
        cursor = page.get("next_cursor")
        if not cursor:
            return rows


def summary(report: dict[str, Any], console: Console) -> RenderableType:
    """The report for eyes: a table, or one line a bot where the table would have to leave out what it is about."""
    title = say("demo.summary", startup=report["startup_s"], rss=report["supervisor"]["rss_mb"])
    headings = [say(f"demo.column.{heading}") for heading in _COLUMNS]
    table = Table(title=title)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    lines = [Text(title, style="italic")]
    for bot in report["bots"]:
        style = "bold red" if bot["lost"] or bot["doubled"] else ""
        cells = _cells(bot)
        table.add_row(*cells, style=style)
        facts = ", ".join(f"{heading} {cell}" for heading, cell in zip(headings[1:], cells[1:], strict=True))
        lines.append(Text(f"{cells[0]}: {facts}", style=style))
    anywhere = console.options.update_width(_ANY_WIDTH)
    fits = Measurement.get(console, anywhere, table).maximum <= console.width
    return table if fits else Group(*lines)


def _cells(bot: Mapping[str, Any]) -> list[str]:
    return [
        bot["id"],
        *(str(bot[name]) for name in ("received", "answered", "lost", "doubled")),
        *map(_figure, (bot["uss_mb"], bot["latency_ms"]["p50"], bot["latency_ms"]["p95"])),
        *map(_figure, (bot["waits_ms"]["p50"], bot["model_ms"]["p50"])),
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
