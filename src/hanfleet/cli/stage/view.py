"""The live view in the terminal: bots, their state, memory, traffic and latency, and the last lines that were said."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hanfleet.cli.messages import say
from hanfleet.cli.terminal import printable
from hanfleet.sandbox.contacts.simulator import SaidLine

_COLOURS = {"running": "green", "starting": "yellow", "stopping": "yellow", "failed": "red", "stopped": "dim"}
_LINES = 8
_COLUMNS = ("bot", "state", "memory", "in", "out", "latency")
_MOST_WANTED = ("bot", "state", "latency")
_ROOMY = 64  # columns, for all of them


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

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._head()
        if self.bots:
            yield self._table(_COLUMNS if options.max_width >= _ROOMY else _MOST_WANTED)
        if self._lines:
            yield Panel(Group(*map(_spoken, self._lines)), title=say("demo.conversation"), border_style="dim")

    def _head(self) -> Text:
        elapsed = time.monotonic() - self._began
        clock = f"{elapsed:4.0f} s" + (f" / {self._seconds:.0f} s" if self._seconds else "")
        return Text.assemble(
            ("Hanfleet ", "bold"), (clock, "cyan"), f"  {self.progress}", *(f"\n  {f}" for f in self.facts)
        )

    def _table(self, columns: Sequence[str]) -> Table:
        table = Table(expand=True, border_style="dim")
        for heading in columns:
            numeric = heading not in {"bot", "state"}
            table.add_column(say(f"demo.column.{heading}"), justify="right" if numeric else "left")
        for bot in self.bots:
            status = str(bot["status"])
            cells: dict[str, str | Text] = {
                "bot": escape(printable(str(bot["name"]))),
                "state": Text(status, style=_COLOURS.get(status, "")),
                "memory": _amount(bot.get("uss_mb"), "MB"),
                "in": str(bot.get("messages_in") or 0),
                "out": str(bot.get("messages_out") or 0),
                "latency": _amount(bot.get("answer_latency_ms"), "ms"),
            }
            table.add_row(*(cells[column] for column in columns))
        return table


def _amount(value: float | None, unit: str) -> str:
    return f"{value:.1f} {unit}" if value else "–"


def _spoken(line: SaidLine) -> Text:
    who, style = (line.contact, "cyan") if line.author == "contact" else (line.bot, "green")
    shown = printable(" ".join(line.text.split()))
    return Text.assemble(
        (f"{line.at.astimezone():%H:%M:%S} ", "dim"), (f"{who}: ", style), shown, no_wrap=True, overflow="ellipsis"
    )
