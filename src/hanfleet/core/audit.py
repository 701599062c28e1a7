"""Heads of the audit trail's chains: how far a chain has come, and the hash that stands for all of it up to there."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ChainHead:
    """The newest entry of a chain (``fleet``, ``bot:<id>``, ``worker:<id>``); of what retention took, the last."""

    chain: str
    seq: int
    hash: bytes


@dataclass(frozen=True)
class ExportedHead:
    """A head as it stood when it was written down outside of the database."""

    head: ChainHead
    at: datetime
