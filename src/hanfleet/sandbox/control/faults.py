"""Routes that order faults."""

from fastapi import APIRouter, HTTPException

from hanfleet.sandbox.control.models import FaultId, FaultOrder, FaultView
from hanfleet.sandbox.telegram.errors import usual_code
from hanfleet.sandbox.telegram.faults import Fault, FaultKind
from hanfleet.sandbox.telegram.service import Telegram
from hanfleet.sandbox.telegram.tl import known_methods


def _fault(order: FaultOrder, telegram: Telegram) -> Fault:
    """The order as a fault, or 422 with what is wrong with it."""
    kind = FaultKind(order.fault)
    if kind is FaultKind.RPC_ERROR and order.error_message is None:
        raise HTTPException(422, "The fault rpc_error needs an error_message, such as FLOOD_WAIT_30.")
    if kind is not FaultKind.RPC_ERROR and (order.error_message or order.error_code is not None or order.revoke_key):
        raise HTTPException(422, f"The fault {order.fault} carries no error: only rpc_error has error fields.")
    if kind is FaultKind.DELAY and not order.delay_ms:
        raise HTTPException(422, "The fault delay needs delay_ms.")
    if order.method != "*" and order.method not in known_methods():
        raise HTTPException(422, f"There is no TL method {order.method}: write it like messages.sendMessage, or *.")
    if order.account_id is not None and telegram.accounts.get(order.account_id) is None:
        raise HTTPException(422, f"There is no account {order.account_id}: GET /accounts lists all.")
    message = order.error_message
    revoke = order.revoke_key if order.revoke_key is not None else message == "AUTH_KEY_DUPLICATED"
    return Fault(
        kind=kind,
        method=order.method,
        account_id=order.account_id,
        remaining=order.count,
        error_code=order.error_code if order.error_code is not None else (usual_code(message) if message else None),
        error_message=message,
        delay_ms=order.delay_ms,
        revoke_key=revoke,
    )


def _view(fault: Fault) -> FaultView:
    return FaultView.model_validate(
        {
            "id": fault.id,
            "fault": fault.kind.value,
            "method": fault.method,
            "account_id": fault.account_id,
            "remaining": fault.remaining,
            "error_code": fault.error_code,
            "error_message": fault.error_message,
            "delay_ms": fault.delay_ms,
            "revoke_key": fault.revoke_key,
        }
    )


def fault_routes(telegram: Telegram) -> APIRouter:
    """/faults."""
    router = APIRouter(prefix="/faults", tags=["faults"])

    @router.post("", status_code=201)
    async def order(body: FaultOrder) -> FaultId:
        """Order a fault. drop_connections, rotate_salt and forget_key strike at once, the others when they fit."""
        return FaultId(id=telegram.order_fault(_fault(body, telegram)).id)

    @router.get("")
    async def list_faults() -> list[FaultView]:
        """The faults that are still to strike."""
        return [_view(fault) for fault in telegram.faults.all()]

    @router.delete("", status_code=204)
    async def clear() -> None:
        """Call all of them off."""
        telegram.faults.clear()

    @router.delete("/{fault_id}", status_code=204)
    async def remove(fault_id: int) -> None:
        """Call one off."""
        if not telegram.faults.remove(fault_id):
            raise HTTPException(404, f"There is no fault {fault_id} to come: it struck already, or never was.")

    return router
