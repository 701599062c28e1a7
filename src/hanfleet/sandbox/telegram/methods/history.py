"""messages.* that read one chat: getHistory, search, getMessages. Bots may only name messages by id."""

from typing import Any, Final

from hanfleet.sandbox.telegram.letters import Letter, letter_of
from hanfleet.sandbox.telegram.methods.peers import resolve
from hanfleet.sandbox.telegram.rpc import Call, method
from hanfleet.sandbox.telegram.tl import functions, types
from hanfleet.sandbox.telegram.views import peer_of

_LONGEST_PAGE: Final = 100


def _page(call: Call, request: Any, peer_id: int, words: str) -> object:
    """One page, newest first: ``add_offset`` messages further than where offset_id or offset_date point."""
    where = ["account_id = ?", "peer_id = ?"]
    values: list[object] = [call.account.id, peer_id]
    if words:
        where.append("instr(lower(text), lower(?))")
        values.append(words)
    matching = f"FROM messages WHERE {' AND '.join(where)}"
    total = int(_one(call, f"SELECT count(*) {matching}", values))
    start = 0
    if request.offset_id:
        start = int(_one(call, f"SELECT count(*) {matching} AND id >= ?", [*values, request.offset_id]))
    elif (offset_date := getattr(request, "offset_date", None)) and offset_date.timestamp() > 0:
        start = int(_one(call, f"SELECT count(*) {matching} AND date >= ?", [*values, offset_date.timestamp()]))
    first = start + request.add_offset
    limit = min(max(request.limit, 0), _LONGEST_PAGE) + min(first, 0)
    bounds, limits = "", [max(limit, 0), max(first, 0)]
    if request.max_id:
        bounds, values = bounds + " AND id < ?", [*values, request.max_id]
    if request.min_id:
        bounds, values = bounds + " AND id > ?", [*values, request.min_id]
    rows = call.telegram.database.execute(
        f"SELECT * {matching}{bounds} ORDER BY id DESC LIMIT ? OFFSET ?",
        [*values, *limits],
    )
    return _answer(call, [letter_of(row) for row in rows.fetchall()], peer_id, total)


def _one(call: Call, statement: str, values: list[object]) -> Any:
    return call.telegram.database.execute(statement, values).fetchone()[0]


def _answer(call: Call, letters: list[Letter], peer_id: int, total: int) -> object:
    views = call.telegram.views
    messages = [views.message(letter) for letter in letters]
    users = views.users(call.account, [peer_id, call.account.id])
    if len(letters) < total:
        return types.messages.MessagesSlice(count=total, messages=messages, topics=[], chats=[], users=users)
    return types.messages.Messages(messages=messages, topics=[], chats=[], users=users)


@method(functions.messages.GetHistoryRequest, for_bots=False)
def get_history(call: Call, request: Any) -> object:
    return _page(call, request, resolve(call, request.peer).id, "")


@method(functions.messages.SearchRequest, for_bots=False)
def search(call: Call, request: Any) -> object:
    """By words only; filters for media find nothing, since there is none."""
    peer = resolve(call, request.peer)
    if not isinstance(request.filter, types.InputMessagesFilterEmpty):
        return _answer(call, [], peer.id, 0)
    return _page(call, request, peer.id, request.q)


@method(functions.messages.GetMessagesRequest)
def get_messages(call: Call, request: Any) -> object:
    """The messages with these ids, with messageEmpty in the place of those that are gone."""
    mailbox, account = call.telegram.mailbox, call.account
    messages: list[Any] = []
    people = [account.id]
    for wanted in request.id:
        number = getattr(wanted, "id", 0)
        letter = mailbox.letter(account.id, number)
        if letter is not None and isinstance(wanted, types.InputMessageReplyTo):
            letter = mailbox.letter(account.id, letter.reply_to) if letter.reply_to else None
        if letter is None:
            messages.append(types.MessageEmpty(id=number, peer_id=peer_of(account.id)))
        else:
            messages.append(call.telegram.views.message(letter))
            people.append(letter.peer_id)
    users = call.telegram.views.users(account, people)
    return types.messages.Messages(messages=messages, topics=[], chats=[], users=users)
