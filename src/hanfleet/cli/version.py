"""``hanfleet --version``."""

from importlib.metadata import version


def print_version() -> None:
    print(f"hanfleet {version('hanfleet')}")
