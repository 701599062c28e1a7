"""Executing one request: wrappers taken off, ordered trouble made, the answer sent as rpc_result.

Whatever a method changed is committed before this module sends anything.
"""

import struct
from typing import Any, Final

from hanfleet.kit.logging import get_logger
from hanfleet.sandbox.telegram import methods as _methods  # noqa: F401 fills the table of methods
from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.faults import OF_METHODS, Fault, FaultKind
from hanfleet.sandbox.telegram.link import Link
from hanfleet.sandbox.telegram.rpc import Call, run
from hanfleet.sandbox.telegram.service import Telegram
from hanfleet.sandbox.telegram.session import Session
from hanfleet.sandbox.telegram.tl import RPC_RESULT, encode, functions, method_name, types

_log = get_logger(__name__)
_WRAPPERS: Final = (
    functions.InvokeWithLayerRequest,
    functions.InitConnectionRequest,
    functions.InvokeWithoutUpdatesRequest,
    functions.InvokeAfterMsgRequest,
    functions.InvokeAfterMsgsRequest,
    functions.InvokeWithReCaptchaRequest,
)


class Requests:
    """Runs requests against one Telegram."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram

    def refuse_unknown(self, session: Session, msg_id: int, constructor_id: int) -> None:
        """Answer a request of another layer."""
        self._telegram.note_unknown(f"{constructor_id:#010x}")
        self._answer(session, msg_id, _error(RpcRefusedError(f"INPUT_METHOD_INVALID_{constructor_id}")))

    def execute(self, link: Link, session: Session, msg_id: int, wrapped: Any) -> None:
        """Run a request and answer it, unless a fault was ordered for it."""
        request = self._unwrap(session, wrapped)
        name = method_name(request)
        fault = self._telegram.faults.take(OF_METHODS, session.key.account_id or session.key.pending_account_id, name)
        if fault is None:
            self._answer(session, msg_id, self._run(session, name, request))
            return
        _log.info("a fault strikes", fault=fault.kind.value, method=name)
        if fault.kind is FaultKind.CUT_BEFORE:
            self._soon(link, fault, link.cut)
            return
        if fault.kind is FaultKind.RPC_ERROR:
            body = _error(RpcRefusedError(fault.error_message or "INTERNAL", fault.error_code))
        else:
            body = self._run(session, name, request)
        if fault.kind is FaultKind.NO_ANSWER:
            return
        self._soon(link, fault, lambda: self._finish(link, session, msg_id, body, fault))

    def _soon(self, link: Link, fault: Fault, act: Any) -> None:
        if fault.delay_ms:
            link.later(fault.delay_ms / 1000, act)
        else:
            act()

    def _finish(self, link: Link, session: Session, msg_id: int, body: bytes, fault: Fault) -> None:
        if fault.kind is FaultKind.CUT_AFTER:
            link.cut()
        self._answer(session, msg_id, body)
        if fault.revoke_key:
            self._telegram.keys.log_out(session.key)

    def _unwrap(self, session: Session, request: Any) -> Any:
        subscribes = True
        while isinstance(request, _WRAPPERS):
            if isinstance(request, functions.InvokeWithLayerRequest):
                self._telegram.keys.set_layer(session.key, request.layer)
            elif isinstance(request, functions.InvokeWithoutUpdatesRequest):
                subscribes = False
            request = request.query
        session.wants_pushes = session.wants_pushes or subscribes
        return request

    def _run(self, session: Session, name: str, request: Any) -> bytes:
        try:
            return encode(run(Call(self._telegram, session, name), request))
        except RpcRefusedError as error:
            _log.info("a request is refused", method=name, error=error.message, account=session.key.account_id)
            return _error(error)
        except Exception:  # noqa: BLE001
            # A bug here must not take the other clients' connections along; the client sees a server error.
            _log.exception("a method failed", method=name)
            return _error(RpcRefusedError("RPC_CALL_FAIL"))

    @staticmethod
    def _answer(session: Session, msg_id: int, body: bytes) -> None:
        session.send(struct.pack("<Iq", RPC_RESULT, msg_id) + body, answers=msg_id)


def _error(error: RpcRefusedError) -> bytes:
    return bytes(types.RpcError(error_code=error.code, error_message=error.message))
