"""`hanfleet bench reply`: our reply path beside a bare Telethon echo, on the same sandbox, in turns.

Ours does all that a reply needs (inbox, turn, model, outbox: each a transaction, typing, read receipt, disclosure
known); the echo does nothing but answer. The model's time, measured at the sandbox, is subtracted from ours, since the
echo asks none; pacing is set to zero.
"""

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hanfleet.cli.benchmarks.figures import Figures
from hanfleet.cli.stage.cast import NO_PACING, roles
from hanfleet.cli.stage.report import model_times, quantiles
from hanfleet.cli.stage.stage import Stage
from hanfleet.kit.clock import SystemClock
from hanfleet.sandbox.contacts.pinger import Pinger

_WARM_UP = 20


async def bench_reply(rounds: int, say: Callable[[str], None]) -> Figures:
    """``rounds`` pings to each. Raises HanfleetError when the stage does not come up."""
    async with Stage(tell=say, pacing=NO_PACING) as stage:
        await stage.add_bots(roles(1, bot_accounts=True))
        await stage.sandbox.ask("PUT", "/llm/latency", json={"base_ms": 0, "jitter_ms": 0})
        account = await stage.sandbox.ask(
            "POST", "/accounts", json={"kind": "bot", "first_name": "Echo", "username": "bare_echo_bot"}
        )
        with _bare_echo(stage, account["token"]):
            ours, echo = await _measure(stage, account["id"], rounds, say)
        models = model_times(await stage.sandbox.ask("GET", "/llm/requests", params={"limit": 100_000}))
    own = [took - models.get(nonce, 0.0) for nonce, took in ours]
    return _figures(own, [took for _, took in ours], [took for _, took in echo], rounds)


@contextmanager
def _bare_echo(stage: Stage, token: str) -> Iterator[None]:
    script = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "hanfleet.sandbox.bare_echo", str(stage.sandbox.file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert script.stdin is not None
    assert script.stdout is not None
    try:
        script.stdin.write(token.encode() + b"\n")
        script.stdin.close()
        # Logged in: what is written to a bot before its first log-in, it never sees.
        script.stdout.readline()
        yield
    finally:
        script.send_signal(signal.SIGKILL)
        script.wait()
        script.stdout.close()


Pings = list[tuple[str, float]]


async def _measure(stage: Stage, echo_id: int, rounds: int, say: Callable[[str], None]) -> tuple[Pings, Pings]:
    clock, chance = SystemClock(), random.Random(1)  # noqa: S311 - nonces of a benchmark
    info = stage.sandbox.info
    ours: Pings = []
    echo: Pings = []
    async with (
        Pinger(info, stage.actors[0].account_id, clock=clock, rng=chance) as to_ours,
        Pinger(info, echo_id, clock=clock, rng=chance) as to_echo,
    ):
        for number in range(rounds + _WARM_UP):
            for pinger, taken in ((to_ours, ours), (to_echo, echo)):
                nonce, seconds = await pinger.ping()
                if number >= _WARM_UP:
                    taken.append((nonce, seconds * 1000))
            if number % 50 == 0:
                say(f"reply: round {number} of {rounds + _WARM_UP}")
    return ours, echo


def _figures(own: list[float], total: list[float], echo: list[float], rounds: int) -> Figures:
    mine, reference, whole = quantiles(own), quantiles(echo), quantiles(total)
    rows = [
        {"what": "Hanfleet, without the model (ms)", **mine},
        {"what": "bare Telethon echo (ms)", **reference},
        {"what": "ratio", **{name: _ratio(mine[name], reference[name]) for name in mine}},
        {"what": "Hanfleet with the sandbox's model (ms)", **whole},
    ]
    return Figures("reply", "p95 below 50 ms; p50 at most 3 times the bare echo's", rows, {"rounds": rounds})


def _ratio(ours: float | None, reference: float | None) -> float | None:
    return round(ours / reference, 2) if ours and reference else None
