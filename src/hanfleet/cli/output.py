"""What commands print: aligned columns for people, JSON for programs. Plain text, so that pipes get the same."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

from hanfleet.cli.terminal import printable, printable_json

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]


def print_json(document: Any) -> None:
    print(printable_json(document, indent=2))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as their widest cell; no blanks at the ends of lines."""
    cells = [[_shown(cell) for cell in row] for row in [headings, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_facts(facts: Mapping[str, Any]) -> None:
    """One fact a line; what is not known is left out."""
    known = {name: value for name, value in facts.items() if value is not None and value != ""}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        print(f"{name.ljust(width)}  {_shown(value)}")


def note(sentence: str) -> None:
    """For the person, beside the output: standard error."""
    print(sentence, file=sys.stderr)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.1f}"
    return printable(str(value))
