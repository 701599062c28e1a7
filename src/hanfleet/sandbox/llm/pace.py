"""How long the model thinks: a base and a jitter, changeable while it runs."""

import random
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Latency(BaseModel):
    """Each answer takes ``base_ms`` plus a random share of ``jitter_ms``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_ms: Annotated[float, Field(ge=0, le=600_000)] = 60.0
    jitter_ms: Annotated[float, Field(ge=0, le=600_000)] = 40.0

    def draw_s(self, rng: random.Random) -> float:
        """One delay, in seconds."""
        return (self.base_ms + rng.random() * self.jitter_ms) / 1000
