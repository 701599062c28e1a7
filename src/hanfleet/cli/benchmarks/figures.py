"""How a benchmark's figures are printed: a table for eyes, JSON for programs, both from the same rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figures:
    """One benchmark's outcome. ``aim`` is a sentence from the requirements; ``rows`` share their keys."""

    name: str
    aim: str
    rows: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]

    def as_json(self) -> str:
        return json.dumps({"benchmark": self.name, "aim": self.aim, "facts": self.facts, "rows": self.rows}, indent=2)

    def print(self, console: Console) -> None:
        """The table, with the aim below it."""
        table = Table(title=self.name)
        for heading in self.rows[0]:
            table.add_column(heading.replace("_", " "), justify="left" if heading == "what" else "right")
        for row in self.rows:
            table.add_row(*("–" if value is None else str(value) for value in row.values()))
        console.print(table)
        for fact, value in self.facts.items():
            console.print(f"{fact.replace('_', ' ')}: {value}", highlight=False)
        console.print(f"aim: {self.aim}", style="dim", highlight=False)
