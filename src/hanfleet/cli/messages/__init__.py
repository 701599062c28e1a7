"""What the command line says, in English and Russian.

Each group of commands has a module here named like the first word of its keys (``demo.summary`` is in `demo.py`), with
``TEXTS``: key → (English, Russian), in the form of str.format. So a command loads its own texts only. Help is English.

A count may bring its words along, for one and for several: ``{rows:row|rows}`` is "1 row" or "2 rows". Russian has
three forms, and says the thing first instead: ``строк {rows}``.

Values come from anywhere, the error of a captured worker among them: what does not print is taken out of each.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from string import Formatter
from typing import Any

from hanfleet.cli.terminal import printable

_LANGUAGES = ("en", "ru")


class _Counting(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, several = format_spec.partition("|")
        if not bar:
            return printable(str(super().format_field(value, format_spec)))
        return f"{value} {one if value == 1 else several}"


_filler = _Counting()


def language(environ: Mapping[str, str] = os.environ) -> str:
    """HANFLEET_LANG, or what the locale says (LC_ALL, LC_MESSAGES, LANG); English unless that is Russian."""
    for variable in ("HANFLEET_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(variable, ""):
            return "ru" if value.lower().startswith("ru") else "en"
    return "en"


def say(key: str, **values: Any) -> str:
    """The text of ``key`` in the user's language, with ``values`` put in. Raises KeyError for an unknown key."""
    group = key.partition(".")[0]
    texts: Mapping[str, tuple[str, str]] = import_module(f"{__name__}.{group}").TEXTS
    return _filler.format(texts[key][_LANGUAGES.index(language())], **values)
