"""updates.*: where an account stands and what a client missed."""

from typing import Any

from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.faults import FaultKind
from hanfleet.sandbox.telegram.rpc import Call, method
from hanfleet.sandbox.telegram.tl import functions


@method(functions.updates.GetStateRequest)
def get_state(call: Call, _request: Any) -> object:
    return call.telegram.differences.state(call.account)


@method(functions.updates.GetDifferenceRequest)
def get_difference(call: Call, request: Any) -> object:
    if request.pts <= 0:
        raise RpcRefusedError("PERSISTENT_TIMESTAMP_EMPTY")
    account = call.account
    if call.telegram.faults.take((FaultKind.TOO_LONG,), account.id, call.method):
        return call.telegram.differences.too_long(account)
    return call.telegram.differences.since(account, request.pts, request.pts_total_limit)
