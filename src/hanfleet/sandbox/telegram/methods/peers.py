"""Input peers and input users: who is meant, and whether the caller may mean them."""

from typing import Any

from hanfleet.sandbox.telegram.accounts import Account
from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.rpc import Call
from hanfleet.sandbox.telegram.tl import types


def resolve(call: Call, peer: Any) -> Account:
    """The account behind an InputPeer or InputUser; there are no groups and channels here."""
    viewer = call.account
    if isinstance(peer, types.InputPeerSelf | types.InputUserSelf):
        return viewer
    if isinstance(peer, types.InputPeerUser | types.InputUser):
        return call.telegram.addressed(viewer, peer.user_id, peer.access_hash)
    if isinstance(peer, types.InputPeerUserFromMessage | types.InputUserFromMessage):
        resolve(call, peer.peer)
        letter = call.telegram.mailbox.letter(viewer.id, peer.msg_id)
        target = call.telegram.accounts.get(peer.user_id)
        if letter is None or target is None or target.id not in (letter.peer_id, viewer.id):
            raise RpcRefusedError("PEER_ID_INVALID")
        return target
    if isinstance(peer, types.InputPeerChannel | types.InputPeerChannelFromMessage):
        raise RpcRefusedError("CHANNEL_INVALID")
    if isinstance(peer, types.InputPeerChat):
        raise RpcRefusedError("CHAT_ID_INVALID")
    raise RpcRefusedError("PEER_ID_INVALID")
