"""Loading by name: how a table line in a room's `__init__` becomes an implementation."""

import importlib
from typing import Any


def load(path: str) -> Any:
    """Give the object that ``package.module:attribute`` names.

    Raises ValueError when ``path`` has not that form, ImportError when the module or the attribute is missing.
    """
    module_name, separator, attribute = path.partition(":")
    if not separator or not module_name or not attribute:
        raise ValueError(f"{path!r} does not name an object: write it as package.module:attribute")
    module = importlib.import_module(module_name)
    try:
        return getattr(module, attribute)
    except AttributeError as missing:
        raise ImportError(f"{module_name} has no {attribute!r}") from missing
