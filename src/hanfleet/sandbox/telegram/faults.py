"""Trouble on order: what the control interface asks to go wrong, how often, for which method and account.

Kept in memory: a restarted sandbox is healthy. Nothing goes wrong that was not ordered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import count


class FaultKind(StrEnum):
    RPC_ERROR = "rpc_error"
    CUT_BEFORE = "cut_before"
    CUT_AFTER = "cut_after"
    NO_ANSWER = "no_answer"
    DELAY = "delay"
    SUPPRESS_PUSHES = "suppress_pushes"
    TOO_LONG = "too_long"
    DROP_CONNECTIONS = "drop_connections"
    ROTATE_SALT = "rotate_salt"
    FORGET_KEY = "forget_key"


AT_ONCE = frozenset({FaultKind.DROP_CONNECTIONS, FaultKind.ROTATE_SALT, FaultKind.FORGET_KEY})
OF_METHODS = (
    FaultKind.CUT_BEFORE,
    FaultKind.RPC_ERROR,
    FaultKind.CUT_AFTER,
    FaultKind.NO_ANSWER,
    FaultKind.DELAY,
)


@dataclass(slots=True)
class Fault:
    """One order. ``method`` "*" and ``account_id`` None mean any; ``remaining`` counts down to 0."""

    kind: FaultKind
    method: str = "*"
    account_id: int | None = None
    remaining: int = 1
    error_code: int | None = None
    error_message: str | None = None
    delay_ms: int = 0
    revoke_key: bool = False
    id: int = 0


class Faults:
    """The orders that are not used up, oldest first."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._orders: dict[int, Fault] = {}

    def add(self, fault: Fault) -> Fault:
        """Take an order and number it."""
        fault.id = next(self._ids)
        if fault.remaining > 0:
            self._orders[fault.id] = fault
        return fault

    def all(self) -> list[Fault]:
        return list(self._orders.values())

    def remove(self, fault_id: int) -> bool:
        return self._orders.pop(fault_id, None) is not None

    def clear(self) -> None:
        self._orders.clear()

    def take(self, kinds: Iterable[FaultKind], account_id: int | None, method: str = "*") -> Fault | None:
        """Use up one of the oldest order that fits, or give None."""
        if not self._orders:
            return None
        for fault in self._orders.values():
            right_method = "*" in (fault.method, method) or fault.method == method
            if fault.kind in kinds and right_method and fault.account_id in (None, account_id):
                fault.remaining -= 1
                if not fault.remaining:
                    del self._orders[fault.id]
                return fault
        return None
