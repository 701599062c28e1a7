"""contacts.*: finding people by name or number, keeping them, and blocking them."""

from typing import Any

from hanfleet.sandbox.telegram.accounts import Account
from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.methods.peers import resolve
from hanfleet.sandbox.telegram.rpc import Call, method
from hanfleet.sandbox.telegram.tl import functions, types
from hanfleet.sandbox.telegram.views import moment, peer_of


def _found(call: Call, account: Account) -> object:
    users = [call.telegram.views.user(call.account, account)]
    return types.contacts.ResolvedPeer(peer=peer_of(account.id), chats=[], users=users)


@method(functions.contacts.ResolveUsernameRequest)
def resolve_username(call: Call, request: Any) -> object:
    account = call.telegram.accounts.by_username(request.username)
    if account is None:
        raise RpcRefusedError("USERNAME_NOT_OCCUPIED")
    return _found(call, account)


@method(functions.contacts.ResolvePhoneRequest, for_bots=False)
def resolve_phone(call: Call, request: Any) -> object:
    account = call.telegram.accounts.by_phone(request.phone)
    if account is None:
        raise RpcRefusedError("PHONE_NOT_OCCUPIED")
    return _found(call, account)


def _contact_ids(call: Call) -> list[int]:
    statement = "SELECT peer_id FROM relations WHERE account_id = ? AND contact = 1 ORDER BY peer_id"
    return [row["peer_id"] for row in call.telegram.database.execute(statement, (call.account.id,))]


@method(functions.contacts.GetContactsRequest, for_bots=False)
def get_contacts(call: Call, _request: Any) -> object:
    ids = _contact_ids(call)
    contacts = [types.Contact(user_id=one, mutual=False) for one in ids]
    return types.contacts.Contacts(
        contacts=contacts, saved_count=len(ids), users=call.telegram.views.users(call.account, ids)
    )


@method(functions.contacts.ImportContactsRequest, for_bots=False)
def import_contacts(call: Call, request: Any) -> object:
    imported: list[Any] = []
    for wanted in request.contacts:
        account = call.telegram.accounts.by_phone(wanted.phone)
        if account is not None:
            call.telegram.mailbox.set_mark(call.account.id, account.id, "contact", 1)
            imported.append(types.ImportedContact(user_id=account.id, client_id=wanted.client_id))
    users = call.telegram.views.users(call.account, [one.user_id for one in imported])
    return types.contacts.ImportedContacts(imported=imported, popular_invites=[], retry_contacts=[], users=users)


def _marked(call: Call, request: Any, mark: str, value: int) -> None:
    call.telegram.mailbox.set_mark(call.account.id, resolve(call, request.id).id, mark, value)


@method(functions.contacts.AddContactRequest, for_bots=False)
def add_contact(call: Call, request: Any) -> object:
    _marked(call, request, "contact", 1)
    target = resolve(call, request.id)
    users = call.telegram.views.users(call.account, [target.id])
    update = types.UpdatePeerSettings(peer=peer_of(target.id), settings=types.PeerSettings())
    return types.Updates(updates=[update], users=users, chats=[], date=moment(call.telegram.now()), seq=0)


@method(functions.contacts.BlockRequest, for_bots=False)
def block(call: Call, request: Any) -> object:
    _marked(call, request, "blocked", 1)
    return True


@method(functions.contacts.UnblockRequest, for_bots=False)
def unblock(call: Call, request: Any) -> object:
    _marked(call, request, "blocked", 0)
    return True
