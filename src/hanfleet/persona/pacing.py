"""How long reading and writing take a bot that does not want to startle anyone. Bounded by the bot's configuration;
it hides nothing: the disclosure has told the contact what writes to them.
"""

import random

from hanfleet.core.config import PacingConfig

_READS_TIMES_FASTER = 4.0
_LONGEST_READ_SHARE = 0.25
_UNEVENNESS = 0.15


def typing_seconds(text: str, pacing: PacingConfig, chance: random.Random) -> float:
    """Seconds of typing for ``text``: its length at the configured speed, a little uneven, at most ``max_typing_s``."""
    even = len(text) / pacing.chars_per_second
    return min(pacing.max_typing_s, even * chance.uniform(1 - _UNEVENNESS, 1 + _UNEVENNESS))


def reading_seconds(text: str, pacing: PacingConfig) -> float:
    """Seconds before the read mark: faster than writing, at most a quarter of the longest typing."""
    return min(pacing.max_typing_s * _LONGEST_READ_SHARE, len(text) / pacing.chars_per_second / _READS_TIMES_FASTER)
