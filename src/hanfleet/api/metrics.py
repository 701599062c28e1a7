"""Numbers for Prometheus, made from rows when they are asked for: the API keeps no counters of its own.

Counts are since a worker's start, so they fall at a restart, as counters may.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from hanfleet.control import BotStatus
from hanfleet.core.states import BotState

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_MB = 1024 * 1024

#: name, help, attribute of BotStatus, factor to the base unit
_GAUGES = (
    ("hanfleet_bot_connected", "1 while the bot is connected to Telegram.", "connected", 1),
    ("hanfleet_bot_heartbeat_age_seconds", "Time since the worker's last heartbeat.", "heartbeat_age_s", 1),
    ("hanfleet_bot_loop_lag_seconds", "How late the worker's event loop runs.", "loop_lag_ms", 0.001),
    ("hanfleet_bot_rss_bytes", "Resident memory of the worker.", "rss_mb", _MB),
    ("hanfleet_bot_uss_bytes", "Memory that is the worker's alone.", "uss_mb", _MB),
    ("hanfleet_bot_answer_latency_seconds", "The last answer's latency.", "answer_latency_ms", 0.001),
    ("hanfleet_bot_failures", "Failed starts in a row.", "failures", 1),
)
_COUNTERS = (
    ("hanfleet_bot_messages_in", "Messages received since the worker started.", "messages_in"),
    ("hanfleet_bot_messages_out", "Messages sent since the worker started.", "messages_out"),
)


class _Fleet(Collector):
    def __init__(self, statuses: Iterable[BotStatus]) -> None:
        self._statuses = list(statuses)

    def collect(self) -> Iterator[Metric]:
        state = GaugeMetricFamily("hanfleet_bot_state", "1 for the bot's present state.", labels=("bot_id", "state"))
        for bot in self._statuses:
            for possible in BotState:
                state.add_metric((bot.bot_id, possible.value), float(bot.status is possible))
        yield state
        for name, text, attribute, factor in _GAUGES:
            yield self._filled(GaugeMetricFamily(name, text, labels=("bot_id",)), attribute, factor)
        for name, text, attribute in _COUNTERS:
            yield self._filled(CounterMetricFamily(name, text, labels=("bot_id",)), attribute, 1)

    def _filled(
        self, family: GaugeMetricFamily | CounterMetricFamily, attribute: str, factor: float
    ) -> GaugeMetricFamily | CounterMetricFamily:
        for bot in self._statuses:
            value = getattr(bot, attribute)
            if value is not None:
                family.add_metric((bot.bot_id,), float(value) * factor)
        return family


def exposition(statuses: Iterable[BotStatus]) -> bytes:
    """The text that Prometheus reads. What a worker has not said yet is left out."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Fleet(statuses))
    return generate_latest(registry)
