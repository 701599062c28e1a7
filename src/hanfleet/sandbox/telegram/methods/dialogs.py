"""messages.getDialogs and getPeerDialogs: the list of chats, newest first. There are no folders and no pins."""

from typing import Any, Final

from hanfleet.sandbox.telegram.letters import Letter, Marks, letter_of
from hanfleet.sandbox.telegram.methods.peers import resolve
from hanfleet.sandbox.telegram.rpc import Call, method
from hanfleet.sandbox.telegram.tl import functions, types
from hanfleet.sandbox.telegram.views import peer_of

_LONGEST_PAGE: Final = 100
_TOPS: Final = (
    "SELECT * FROM messages WHERE account_id = ? AND id IN"
    " (SELECT max(id) FROM messages WHERE account_id = ? GROUP BY peer_id) ORDER BY id DESC"
)


def _tops(call: Call) -> list[Letter]:
    """The newest message of each chat."""
    rows = call.telegram.database.execute(_TOPS, (call.account.id, call.account.id))
    return [letter_of(row) for row in rows.fetchall()]


def _dialog(call: Call, peer_id: int, top: int) -> object:
    mailbox, account = call.telegram.mailbox, call.account
    marks = mailbox.marks(account.id, peer_id) or Marks()
    return types.Dialog(
        peer=peer_of(peer_id),
        top_message=top,
        read_inbox_max_id=marks.read_inbox,
        read_outbox_max_id=marks.read_outbox,
        unread_count=mailbox.unread(account.id, peer_id),
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        notify_settings=types.PeerNotifySettings(),
    )


def _parts(call: Call, tops: list[Letter]) -> dict[str, Any]:
    views = call.telegram.views
    return {
        "dialogs": [_dialog(call, letter.peer_id, letter.id) for letter in tops],
        "messages": [views.message(letter) for letter in tops],
        "chats": [],
        "users": views.users(call.account, [call.account.id, *(letter.peer_id for letter in tops)]),
    }


@method(functions.messages.GetDialogsRequest, for_bots=False)
def get_dialogs(call: Call, request: Any) -> object:
    tops = [] if request.folder_id else _tops(call)
    rest = [letter for letter in tops if not request.offset_id or letter.id < request.offset_id]
    page = rest[: min(max(request.limit, 1), _LONGEST_PAGE)]
    if len(page) == len(tops):
        return types.messages.Dialogs(**_parts(call, page))
    return types.messages.DialogsSlice(count=len(tops), **_parts(call, page))


@method(functions.messages.GetPinnedDialogsRequest, for_bots=False)
def get_pinned_dialogs(call: Call, _request: Any) -> object:
    return types.messages.PeerDialogs(**_parts(call, []), state=call.telegram.differences.state(call.account))


@method(functions.messages.GetPeerDialogsRequest, for_bots=False)
def get_peer_dialogs(call: Call, request: Any) -> object:
    wanted = {resolve(call, one.peer).id for one in request.peers if isinstance(one, types.InputDialogPeer)}
    tops = [letter for letter in _tops(call) if letter.peer_id in wanted]
    return types.messages.PeerDialogs(**_parts(call, tops), state=call.telegram.differences.state(call.account))
