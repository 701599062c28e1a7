"""What all parts of one worker work with. It decides nothing; it is handed from room to room."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from hanfleet.core.config import BotConfig
from hanfleet.core.states import WorkerPhase
from hanfleet.kit.clock import Clock
from hanfleet.llm import Model
from hanfleet.worker.ledger import Ledger
from hanfleet.worker.line import Line
from hanfleet.worker.tally import Tally


@dataclass
class Desk:
    """``config`` and ``model`` are replaced by a reload: read them when they are needed. ``leaving`` is set when no new
    work may begin.
    """

    bot_id: str
    config: BotConfig
    model: Model
    ledger: Ledger
    line: Line
    clock: Clock
    chance: random.Random
    tally: Tally = field(default_factory=Tally)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    arrivals: dict[int, float] = field(default_factory=dict)
    takeovers: Counter[int] = field(default_factory=Counter)
    phase: WorkerPhase = WorkerPhase.STARTING
    phase_changed: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self, phase: WorkerPhase) -> None:
        """Say where the worker stands; the heartbeat tells it at once."""
        if phase is not self.phase:
            self.phase = phase
            self.phase_changed.set()
