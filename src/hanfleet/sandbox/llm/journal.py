"""What was asked of the stand-in: one line per finished request, in a bounded ring, so that model time can be measured.

No texts and no whole keys are kept, only nonces and the key's last characters.
"""

from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice

from pydantic import BaseModel, ConfigDict

from hanfleet.sandbox.llm.faults import FaultKind

KEY_TAIL = 6
CLIENT_GONE = 499
"""The status that is noted when the client hung up before an answer; nginx's number for it."""


class RequestLine(BaseModel):
    """One finished request. ``duration_ms`` is the time spent here, from its arrival to its answer: model time.

    ``at`` is the arrival in seconds of the Unix epoch; ``nonces`` are those which the request asks to answer.
    """

    model_config = ConfigDict(frozen=True)

    id: int
    path: str
    model: str
    api_key_tail: str
    nonces: tuple[str, ...]
    duration_ms: float
    status: int
    at: float
    fault: FaultKind | None = None


class Durations(BaseModel):
    """Model time over the lines that are still in the ring, in milliseconds."""

    model_config = ConfigDict(frozen=True)

    p50: float
    p95: float
    max: float


class Journal:
    """The newest ``capacity`` lines; ids grow by one and start at 1."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._lines: deque[RequestLine] = deque(maxlen=capacity)
        self._last_id = 0
        self.by_status: Counter[int] = Counter()
        self.by_path: Counter[str] = Counter()
        self.by_fault: Counter[str] = Counter()

    @property
    def total(self) -> int:
        return self._last_id

    def note(
        self,
        *,
        path: str,
        model: str,
        api_key: str,
        nonces: tuple[str, ...],
        duration_ms: float,
        status: int,
        at: float,
        fault: FaultKind | None,
    ) -> None:
        """Write one finished request down."""
        self._last_id += 1
        self.by_status[status] += 1
        self.by_path[path] += 1
        if fault is not None:
            self.by_fault[fault] += 1
        self._lines.append(
            RequestLine(
                id=self._last_id,
                path=path,
                model=model,
                api_key_tail=api_key[-KEY_TAIL:],
                nonces=nonces,
                duration_ms=round(duration_ms, 3),
                status=status,
                at=at,
                fault=fault,
            )
        )

    def after(self, line_id: int, limit: int) -> Sequence[RequestLine]:
        """Lines with a greater id, oldest first, at most ``limit``."""
        if not self._lines:
            return []
        skip = max(0, line_id - self._lines[0].id + 1)
        return list(islice(self._lines, skip, skip + limit))

    def durations(self) -> Durations | None:
        ordered = sorted(line.duration_ms for line in self._lines)
        if not ordered:
            return None
        return Durations(p50=_quantile(ordered, 0.5), p95=_quantile(ordered, 0.95), max=ordered[-1])


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Nearest rank."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
