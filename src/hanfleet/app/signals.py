"""The signals that ask a command in the foreground to end in order: Ctrl-C, a service's manager, a closed terminal."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable


def on_ending(end: Callable[[], None]) -> list[signal.Signals]:
    """Call ``end`` at each of them, in the running loop; gives which. `nohup` keeps the last one away."""
    loop = asyncio.get_running_loop()
    chosen = [signal.SIGINT, signal.SIGTERM]
    for number in chosen:
        loop.add_signal_handler(number, end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        chosen.append(signal.SIGHUP)
        loop.add_signal_handler(signal.SIGHUP, _hang_up, end)
    return chosen


def _hang_up(end: Callable[[], None]) -> None:
    """What is said to a terminal that is gone would fail, and the ending with it."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is None:
            continue
        try:
            os.write(stream.fileno(), b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    end()
