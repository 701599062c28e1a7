"""users.*: who somebody is."""

from typing import Any

from hanfleet.sandbox.telegram.accounts import Account
from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.methods.peers import resolve
from hanfleet.sandbox.telegram.rpc import Call, method
from hanfleet.sandbox.telegram.tl import functions, types


@method(functions.users.GetUsersRequest)
def get_users(call: Call, request: Any) -> object:
    """Those who may be addressed; the others are left out."""
    found: list[Account] = []
    for wanted in request.id:
        try:
            found.append(resolve(call, wanted))
        except RpcRefusedError:
            continue
    return [call.telegram.views.user(call.account, target) for target in found]


@method(functions.users.GetFullUserRequest)
def get_full_user(call: Call, request: Any) -> object:
    try:
        target = resolve(call, request.id)
    except RpcRefusedError as error:
        raise RpcRefusedError("USER_ID_INVALID") from error
    full = types.UserFull(
        id=target.id,
        settings=types.PeerSettings(),
        notify_settings=types.PeerNotifySettings(),
        common_chats_count=0,
        bot_info=types.BotInfo(user_id=target.id) if target.is_bot else None,
    )
    return types.users.UserFull(full_user=full, chats=[], users=[call.telegram.views.user(call.account, target)])
