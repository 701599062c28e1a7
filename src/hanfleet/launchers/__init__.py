"""Where workers run. One port (`port.py`), one folder or file per way of starting a worker, reached by name.

Refuses to know what a worker does: a launcher starts one, finds one again, stops one, and tells how it ended.
"""

from typing import Any

from hanfleet.kit.loading import load

LAUNCHERS = {
    "process": "hanfleet.launchers.process.launcher:ProcessLauncher",
}


def launcher_named(name: str) -> Any:
    """The class behind a line of the table. Raises ValueError for a name that it does not have."""
    try:
        path = LAUNCHERS[name]
    except KeyError:
        raise ValueError(f"there is no launcher {name!r}; there are: {', '.join(sorted(LAUNCHERS))}") from None
    return load(path)
