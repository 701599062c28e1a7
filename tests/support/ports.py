"""Ports for test servers: those of the stage, with chance from the system."""

import random

from hanfleet.cli.stage.ports import free_port as _free_port


def free_port() -> int:
    """A TCP port between 20000 and 31999 on which nothing listens right now."""
    return _free_port(random.SystemRandom())
