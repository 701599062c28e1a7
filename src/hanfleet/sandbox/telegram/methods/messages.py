"""messages.*: sending, editing, deleting, reading, typing."""

from typing import Any

from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.methods.peers import resolve
from hanfleet.sandbox.telegram.post import Done, Draft
from hanfleet.sandbox.telegram.rpc import Call, method
from hanfleet.sandbox.telegram.tl import encode, functions, types
from hanfleet.sandbox.telegram.views import moment


def _affected(call: Call, done: Done) -> object:
    call.publish(done.all)
    if done.own is None:
        return types.messages.AffectedMessages(pts=call.telegram.mailbox.pts(call.account.id), pts_count=0)
    return types.messages.AffectedMessages(pts=done.own.pts, pts_count=done.own.pts_count)


def _draft(request: Any, random_id: int | None) -> Draft:
    reply_to = getattr(request, "reply_to", None)
    return Draft(
        text=request.message or "",
        entities=encode(list(request.entities)) if request.entities else None,
        markup=bytes(request.reply_markup) if request.reply_markup else None,
        reply_to=reply_to.reply_to_msg_id if isinstance(reply_to, types.InputReplyToMessage) else None,
        random_id=random_id,
    )


@method(functions.messages.SendMessageRequest)
def send_message(call: Call, request: Any) -> object:
    """Telegram answers plain texts shortly, and in full when entities, markup or a reply are with them.

    Notes to oneself are answered in full too: kurigram has no way to read the short form there.
    """
    account = call.account
    receiver = resolve(call, request.peer)
    draft = _draft(request, request.random_id)
    try:
        done = call.telegram.post.send(account, receiver, draft)
    except RpcRefusedError as error:
        if error.message == "RANDOM_ID_DUPLICATE":
            call.telegram.database.count("duplicates_refused")
        raise
    call.publish(done.all)
    own = done.own
    assert own is not None
    assert own.letter is not None
    if draft.entities or draft.markup or draft.reply_to is not None or receiver.id == account.id:
        updates: Any = call.telegram.views.updates(account, [own], call.telegram.now())
        updates.updates.insert(0, types.UpdateMessageID(own.letter.id, request.random_id))
        return updates
    return types.UpdateShortSentMessage(
        id=own.letter.id, pts=own.pts, pts_count=own.pts_count, date=moment(own.letter.date), out=True
    )


@method(functions.messages.EditMessageRequest)
def edit_message(call: Call, request: Any) -> object:
    resolve(call, request.peer)
    done = call.telegram.post.edit(call.account, request.id, _draft(request, None))
    call.publish(done.all)
    own = [done.own] if done.own else []
    return call.telegram.views.updates(call.account, own, call.telegram.now())


@method(functions.messages.DeleteMessagesRequest)
def delete_messages(call: Call, request: Any) -> object:
    """A bot always deletes for everybody."""
    revoke = bool(request.revoke) or call.account.is_bot
    return _affected(call, call.telegram.post.delete(call.account, list(request.id), revoke=revoke))


@method(functions.messages.ReadHistoryRequest, for_bots=False)
def read_history(call: Call, request: Any) -> object:
    peer = resolve(call, request.peer)
    return _affected(call, call.telegram.post.read(call.account, peer, request.max_id))


@method(functions.messages.SetTypingRequest)
def set_typing(call: Call, request: Any) -> object:
    call.telegram.publish_typing(call.account, resolve(call, request.peer), request.action)
    return True
