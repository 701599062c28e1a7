"""The report of a rehearsal: judged from the contacts' side alone; waits and model time are subtracted, and printed.

latency = reply's arrival − last message that it answers − planned waits (from the outbox rows) − model time (measured
at the sandbox). A negative remainder, which clock resolution can give, counts as zero.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hanfleet.sandbox.contacts.judge import BotVerdict, TimedAnswer, Verdict, percentile

_NONCE = re.compile(r"#[0-9a-f]{8}\b")


@dataclass(frozen=True)
class Sample:
    """One answer, taken apart. Milliseconds; ``own_ms`` is what is left for the fleet itself."""

    total_ms: float
    waits_ms: float
    model_ms: float

    @property
    def own_ms(self) -> float:
        return max(0.0, self.total_ms - self.waits_ms - self.model_ms)


def planned_waits(outbox: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Nonce → milliseconds that the fleet meant to wait before the part with that nonce, from the burst's last message.

    ``outbox`` are rows as the API gives them. A part's ``read_wait_ms`` counts from the decision, so the pauses for the
    parts before it are in it already.
    """
    return {
        nonce: float(row["merge_wait_ms"] + row["read_wait_ms"] + row["typing_ms"])
        for row in outbox
        for nonce in _NONCE.findall(row["text"])
    }


def model_times(requests: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Nonce → milliseconds of the last model request that asked to answer it."""
    return {nonce: line["duration_ms"] for line in requests for nonce in line["nonces"] if line["status"] == 200}


def samples(answers: Sequence[TimedAnswer], waits: Mapping[str, float], models: Mapping[str, float]) -> list[Sample]:
    """Take each answer apart; one whose outbox row is unknown is left whole."""
    return [
        Sample(
            answer.latency_s * 1000,
            max((waits.get(nonce, 0.0) for nonce in answer.nonces), default=0.0),
            max((models.get(nonce, 0.0) for nonce in answer.nonces), default=0.0),
        )
        for answer in answers
    ]


def quantiles(values: Sequence[float]) -> dict[str, float | None]:
    """p50, p95 and p99 by nearest rank, rounded to 0.1; None where there is nothing to rank."""
    shares = (("p50", 0.50), ("p95", 0.95), ("p99", 0.99))
    return {name: round(percentile(values, share), 1) if values else None for name, share in shares}


def bot_report(verdict: BotVerdict, taken: Sequence[Sample], uss_mb: float | None) -> dict[str, Any]:
    """One bot's part of the report."""
    return {
        "id": verdict.bot,
        "received": verdict.received,
        "answered": verdict.answered,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "uss_mb": uss_mb,
        "latency_ms": quantiles([sample.own_ms for sample in taken]),
        "waits_ms": quantiles([sample.waits_ms for sample in taken]),
        "model_ms": quantiles([sample.model_ms for sample in taken]),
    }


def build_report(
    verdict: Verdict,
    *,
    startup_s: float,
    supervisor_rss_mb: float,
    uss_mb: Mapping[str, float],
    outbox: Mapping[str, Sequence[Mapping[str, Any]]],
    requests: Sequence[Mapping[str, Any]],
    telegram: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole report, ready for JSON. ``outbox`` holds each bot's rows, ``requests`` the model's journal."""
    models = model_times(requests)
    bots = [
        bot_report(bot, samples(bot.answers, planned_waits(outbox.get(bot.bot, ())), models), uss_mb.get(bot.bot))
        for bot in verdict.bots
    ]
    return {
        "startup_s": round(startup_s, 2),
        "supervisor": {"rss_mb": round(supervisor_rss_mb, 1)},
        "bots": bots,
        "telegram": {
            "address": f"{telegram['address']}:{telegram['port']}",
            "control_url": telegram["control_url"],
            "max_connections_per_auth_key": telegram.get("max_connections_per_auth_key"),
        },
        "unread_contacts": list(verdict.unread),
    }
