"""The live view in the terminal: bots, their state, memory, traffic and latency, and the last lines that were said."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hanfleet.cli.messages import say
from hanfleet.cli.terminal import printable
from hanfleet.sandbox.contacts.simulator import SaidLine

_COLOURS = {"running": "green", "starting": "yellow", "stopping": "yellow", "failed": "red", "stopped": "dim"}
_LINES = 8


class View:
    """What is known now; ``render`` draws it. Rich calls it a few times a second."""

    def __init__(self, *, seconds: float | None) -> None:
        self._began = time.monotonic()
        self._seconds = seconds
        self._lines: deque[SaidLine] = deque(maxlen=_LINES)
        self.progress = ""
        self.bots: Sequence[Mapping[str, Any]] = ()
        self.facts: list[str] = []

    def heard(self, line: SaidLine) -> None:
        """Somebody said something."""
        self._lines.append(line)

    def begin(self) -> None:
        """The clock of the run starts now; what came before was setting up."""
        self._began = time.monotonic()

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [self._head()]
        if self.bots:
            parts.append(self._table())
        if self._lines:
            parts.append(Panel(Group(*map(_spoken, self._lines)), title=say("demo.conversation"), border_style="dim"))
        return Group(*parts)

    def _head(self) -> Text:
        elapsed = time.monotonic() - self._began
        clock = f"{elapsed:4.0f} s" + (f" / {self._seconds:.0f} s" if self._seconds else "")
        return Text.assemble(
            ("Hanfleet ", "bold"), (clock, "cyan"), f"  {self.progress}", *(f"\n  {f}" for f in self.facts)
        )

    def _table(self) -> Table:
        table = Table(expand=True, border_style="dim")
        for heading in ("bot", "state", "memory", "in", "out", "latency"):
            numeric = heading not in {"bot", "state"}
            table.add_column(say(f"demo.column.{heading}"), justify="right" if numeric else "left")
        for bot in self.bots:
            status = str(bot["status"])
            table.add_row(
                escape(printable(str(bot["name"]))),
                Text(status, style=_COLOURS.get(status, "")),
                _amount(bot.get("uss_mb"), "MB"),
                str(bot.get("messages_in") or 0),
                str(bot.get("messages_out") or 0),
                _amount(bot.get("answer_latency_ms"), "ms"),
            )
        return table


def _amount(value: float | None, unit: str) -> str:
    return f"{value:.1f} {unit}" if value else "–"


def _spoken(line: SaidLine) -> Text:
    who, style = (line.contact, "cyan") if line.author == "contact" else (line.bot, "green")
    shown = printable(" ".join(line.text.split()))
    return Text.assemble(
        (f"{line.at.astimezone():%H:%M:%S} ", "dim"), (f"{who}: ", style), shown, no_wrap=True, overflow="ellipsis"
    )
