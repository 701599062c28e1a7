"""Routes that act as an account: its messages, reads, typing, and what it sees."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi import Path as PathParameter

from hanfleet.sandbox.control.models import (
    HIGHEST_MESSAGE_ID,
    DialogView,
    MessageCreation,
    MessageEdit,
    MessageView,
    ReadMark,
    SentMessage,
    TypingSignal,
)
from hanfleet.sandbox.telegram.accounts import Account
from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.letters import Letter, Marks, letter_of
from hanfleet.sandbox.telegram.post import Done, Draft
from hanfleet.sandbox.telegram.service import Telegram

_Limit = Annotated[int, Query(ge=1, le=10_000)]
_AfterId = Annotated[int, Query(ge=0, le=HIGHEST_MESSAGE_ID)]
_MessageId = Annotated[int, PathParameter(ge=1, le=HIGHEST_MESSAGE_ID)]


def find_account(telegram: Telegram, who: int | str) -> Account:
    """The account with this id or username, or 404."""
    account = telegram.find(who)
    if account is None:
        raise HTTPException(404, f"There is no account {who}: GET /accounts lists all.")
    return account


def _refused(error: RpcRefusedError) -> HTTPException:
    return HTTPException(409, f"Telegram would refuse this with {error.code} {error.message}.")


def _view(letter: Letter, marks: Marks) -> MessageView:
    return MessageView(
        id=letter.id,
        from_id=letter.account_id if letter.out else letter.peer_id,
        peer_id=letter.peer_id,
        out=letter.out,
        text=letter.text,
        date=letter.date,
        edit_date=letter.edit_date,
        reply_to=letter.reply_to,
        read=letter.id <= (marks.read_outbox if letter.out else marks.read_inbox),
    )


def action_routes(telegram: Telegram) -> APIRouter:  # noqa: C901 a list of routes, each of them short
    """Everything below /accounts/{id}/."""
    router = APIRouter(prefix="/accounts/{account_id}", tags=["act as an account"])

    def publish(done: Done) -> None:
        telegram.publish(done.all)

    @router.post("/messages", status_code=201)
    async def send(account_id: int, body: MessageCreation) -> SentMessage:
        """Send a text as this account."""
        sender, receiver = find_account(telegram, account_id), find_account(telegram, body.to)
        try:
            done = telegram.post.send(sender, receiver, Draft(body.text, reply_to=body.reply_to))
        except RpcRefusedError as error:
            raise _refused(error) from error
        publish(done)
        assert done.own is not None
        assert done.own.letter is not None
        return SentMessage(id=done.own.letter.id, date=done.own.letter.date)

    @router.patch("/messages/{message_id}", status_code=204)
    async def edit(account_id: int, message_id: _MessageId, body: MessageEdit) -> None:
        """Give an own message another text."""
        try:
            publish(telegram.post.edit(find_account(telegram, account_id), message_id, Draft(body.text)))
        except RpcRefusedError as error:
            raise _refused(error) from error

    @router.delete("/messages/{message_id}", status_code=204)
    async def delete(account_id: int, message_id: _MessageId, *, revoke: bool = True) -> None:
        """Delete a message, for everybody unless revoke=false."""
        account = find_account(telegram, account_id)
        if telegram.mailbox.letter(account.id, message_id) is None:
            raise HTTPException(404, f"Account {account_id} has no message {message_id}.")
        publish(telegram.post.delete(account, [message_id], revoke=revoke))

    @router.post("/read", status_code=204)
    async def read(account_id: int, body: ReadMark) -> None:
        """Mark what a peer wrote as read."""
        account, peer = find_account(telegram, account_id), find_account(telegram, body.peer)
        publish(telegram.post.read(account, peer, body.max_id))

    @router.post("/typing", status_code=204)
    async def typing(account_id: int, body: TypingSignal) -> None:
        """Show the peer that this account types."""
        telegram.publish_typing(find_account(telegram, account_id), find_account(telegram, body.peer))

    @router.get("/messages")
    async def messages(
        account_id: int, peer: str | None = None, after_id: _AfterId = 0, limit: _Limit = 1000
    ) -> list[MessageView]:
        """The account's box, oldest first."""
        account = find_account(telegram, account_id)
        condition, values = "", [account.id, after_id]
        if peer is not None:
            condition, values = " AND peer_id = ?", [*values, find_account(telegram, peer).id]
        rows = telegram.database.execute(
            f"SELECT * FROM messages WHERE account_id = ? AND id > ?{condition} ORDER BY id LIMIT ?",  # noqa: S608
            [*values, limit],
        ).fetchall()
        letters = [letter_of(row) for row in rows]
        marks = {one: telegram.mailbox.marks(account.id, one) or Marks() for one in {le.peer_id for le in letters}}
        return [_view(letter, marks[letter.peer_id]) for letter in letters]

    @router.get("/dialogs")
    async def dialogs(account_id: int) -> list[DialogView]:
        """The account's chats, newest first."""
        account = find_account(telegram, account_id)
        rows = telegram.database.execute(
            "SELECT peer_id, max(id) AS top FROM messages WHERE account_id = ? GROUP BY peer_id ORDER BY top DESC",
            (account.id,),
        ).fetchall()
        return [_dialog(telegram, account, row["peer_id"], row["top"]) for row in rows]

    return router


def _dialog(telegram: Telegram, account: Account, peer_id: int, top: int) -> DialogView:
    marks = telegram.mailbox.marks(account.id, peer_id) or Marks()
    return DialogView(
        peer_id=peer_id,
        top_message_id=top,
        unread_count=telegram.mailbox.unread(account.id, peer_id),
        read_inbox_max_id=marks.read_inbox,
        read_outbox_max_id=marks.read_outbox,
    )
