"""Messages about the protocol itself: pings, acknowledgements, salts, sessions. Answers stand outside rpc_result."""

from collections.abc import Callable
from typing import Any, Final

from hanfleet.sandbox.telegram.link import Link
from hanfleet.sandbox.telegram.service import Telegram
from hanfleet.sandbox.telegram.session import Session
from hanfleet.sandbox.telegram.tl import RPC_RESULT, functions, types
from hanfleet.sandbox.telegram.views import moment

_SALT_SECONDS: Final = 3600
_Answerer = Callable[[Link, Session, int, Any, Telegram], None]


def _ping(link: Link, session: Session, msg_id: int, request: Any, _telegram: Telegram) -> None:
    if isinstance(request, functions.PingDelayDisconnectRequest):
        link.disconnect_after(float(request.disconnect_delay))
    session.send(bytes(types.Pong(msg_id=msg_id, ping_id=request.ping_id)), answers=msg_id, content=False)


def _acknowledge(_link: Link, session: Session, _msg_id: int, request: Any, _telegram: Telegram) -> None:
    session.acknowledge(request.msg_ids)


def _future_salts(_link: Link, session: Session, msg_id: int, _request: Any, telegram: Telegram) -> None:
    now = telegram.now()
    salt = types.FutureSalt(moment(now - 1), moment(now + _SALT_SECONDS), session.key.salt)
    session.send(bytes(types.FutureSalts(msg_id, int(now), [salt])), answers=msg_id, content=False)


def _destroy_session(_link: Link, session: Session, msg_id: int, request: Any, _telegram: Telegram) -> None:
    other = session.key.sessions.get(request.session_id)
    if other is None or other is session:
        answer: Any = types.DestroySessionNone(request.session_id)
    else:
        del session.key.sessions[request.session_id]
        answer = types.DestroySessionOk(request.session_id)
    session.send(bytes(answer), answers=msg_id, content=False)


def _destroy_key(_link: Link, session: Session, msg_id: int, _request: Any, telegram: Telegram) -> None:
    session.send(bytes(types.DestroyAuthKeyOk()), answers=msg_id, content=False)
    session.flush()
    telegram.keys.forget(session.key)


def _state(_link: Link, session: Session, msg_id: int, request: Any, _telegram: Telegram) -> None:
    # 4: received; 1: nothing is known of it (https://core.telegram.org/mtproto/service_messages_about_messages).
    info = bytes(4 if session.has_seen(one) else 1 for one in request.msg_ids)
    session.send(bytes(types.MsgsStateInfo(msg_id, info.decode("latin-1"))), answers=msg_id, content=False)


def _resend(_link: Link, session: Session, _msg_id: int, request: Any, _telegram: Telegram) -> None:
    for one in request.msg_ids:
        session.resend_answer(one)


def _drop_answer(_link: Link, session: Session, msg_id: int, _request: Any, _telegram: Telegram) -> None:
    # Requests are executed at once, so there is never an answer to stop.
    head = RPC_RESULT.to_bytes(4, "little") + msg_id.to_bytes(8, "little")
    session.send(head + bytes(types.RpcAnswerUnknown()), answers=msg_id)


def _nothing(_link: Link, _session: Session, _msg_id: int, _request: Any, _telegram: Telegram) -> None:
    return


_ANSWERERS: Final[dict[type, _Answerer]] = {
    functions.PingRequest: _ping,
    functions.PingDelayDisconnectRequest: _ping,
    types.MsgsAck: _acknowledge,
    functions.GetFutureSaltsRequest: _future_salts,
    functions.DestroySessionRequest: _destroy_session,
    functions.DestroyAuthKeyRequest: _destroy_key,
    types.MsgsStateReq: _state,
    types.MsgResendReq: _resend,
    functions.RpcDropAnswerRequest: _drop_answer,
    types.MsgsStateInfo: _nothing,
    types.MsgsAllInfo: _nothing,
    types.HttpWait: _nothing,
}
_EVEN: Final = (types.MsgsAck, types.HttpWait)


def concerns(request: object) -> bool:
    """Whether this is a message about the protocol."""
    return type(request) in _ANSWERERS


def has_free_seqno(request: object) -> bool:
    """Clients disagree whether pings and the like are content; only acknowledgements are surely none."""
    return concerns(request) and not isinstance(request, _EVEN)


def answer(link: Link, session: Session, msg_id: int, request: Any, telegram: Telegram) -> None:
    """Do what the message asks and answer if it wants an answer."""
    _ANSWERERS[type(request)](link, session, msg_id, request, telegram)
