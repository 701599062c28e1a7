"""What the command line says, in English and Russian.

Each group of commands has a module here named like the first word of its keys (``demo.summary`` is in `demo.py`), with
``TEXTS``: key → (English, Russian), in the form of str.format. So a command loads its own texts only. Help is English.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

_LANGUAGES = ("en", "ru")


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
    return texts[key][_LANGUAGES.index(language())].format(**values)
