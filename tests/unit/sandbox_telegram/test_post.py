"""Boxes and their logs, without any network: numbering, refusals, and that a failed act changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanfleet.sandbox.telegram.accounts import Account, NewAccount
from hanfleet.sandbox.telegram.database import Database
from hanfleet.sandbox.telegram.errors import RpcRefusedError, usual_code
from hanfleet.sandbox.telegram.faults import OF_METHODS, Fault, FaultKind, Faults
from hanfleet.sandbox.telegram.letters import ChangeKind
from hanfleet.sandbox.telegram.post import Draft
from hanfleet.sandbox.telegram.service import Telegram
from hanfleet.sandbox.telegram.tl import known_methods


@pytest.fixture
def telegram(tmp_path: Path) -> Iterator[Telegram]:
    database = Database(tmp_path / "telegram.sqlite")
    yield Telegram(database, dc_id=2, address=("127.0.0.1", 1), now=lambda: 1_800_000_000.0)
    database.close()


def _person(telegram: Telegram, name: str) -> Account:
    return telegram.accounts.create(NewAccount(is_bot=False, first_name=name), 0)


def _bot(telegram: Telegram) -> Account:
    return telegram.accounts.create(NewAccount(is_bot=True, first_name="Bot"), 0)


def _texts(telegram: Telegram, account: Account) -> list[str]:
    rows = telegram.database.execute("SELECT text FROM messages WHERE account_id = ? ORDER BY id", (account.id,))
    return [row["text"] for row in rows]


def test_each_box_counts_for_itself(telegram: Telegram) -> None:
    ann, ben, cid = (_person(telegram, name) for name in ("Ann", "Ben", "Cid"))
    telegram.post.send(cid, ben, Draft("earlier"))
    done = telegram.post.send(ann, ben, Draft(" hello \n"))
    assert done.own is not None
    assert done.own.letter is not None
    (theirs,) = done.others
    assert theirs.letter is not None
    assert (done.own.pts, done.own.letter.id, theirs.pts, theirs.letter.id) == (2, 1, 3, 2)
    assert (done.own.letter.text, theirs.letter.out) == ("hello", False)
    assert [change.pts for change in telegram.mailbox.changes(ben.id, 1, 10)] == [2, 3]


def test_a_repeated_random_id_changes_nothing(telegram: Telegram) -> None:
    ann, ben = _person(telegram, "Ann"), _person(telegram, "Ben")
    telegram.post.send(ann, ben, Draft("once", random_id=7))
    with pytest.raises(RpcRefusedError, match="500 RANDOM_ID_DUPLICATE"):
        telegram.post.send(ann, ben, Draft("twice", random_id=7))
    telegram.post.send(ben, ann, Draft("the same number from another sender", random_id=7))
    assert telegram.mailbox.pts(ben.id) == 3
    assert _texts(telegram, ben) == ["once", "the same number from another sender"]


@pytest.mark.parametrize(
    ("text", "word"), [("", "EMPTY"), (" \n", "EMPTY"), ("x" * 4097, "LONG"), ("😀" * 2049, "LONG")]
)
def test_impossible_texts_are_refused(telegram: Telegram, text: str, word: str) -> None:
    ann = _person(telegram, "Ann")
    with pytest.raises(RpcRefusedError, match=word):
        telegram.post.send(ann, ann, Draft(text))
    assert telegram.mailbox.pts(ann.id) == 1


def test_bots_wait_until_they_are_started_and_obey_blocks(telegram: Telegram) -> None:
    ann, bot, other = _person(telegram, "Ann"), _bot(telegram), _bot(telegram)
    with pytest.raises(RpcRefusedError, match="PEER_ID_INVALID"):
        telegram.post.send(bot, ann, Draft("first"))
    with pytest.raises(RpcRefusedError, match="USER_IS_BOT"):
        telegram.post.send(bot, other, Draft("colleague"))
    telegram.post.send(ann, bot, Draft("/start"))
    telegram.post.send(bot, ann, Draft("hello"))
    telegram.mailbox.set_mark(ann.id, bot.id, "blocked", 1)
    with pytest.raises(RpcRefusedError, match="USER_IS_BLOCKED"):
        telegram.post.send(bot, ann, Draft("still there?"))
    with pytest.raises(RpcRefusedError, match="YOU_BLOCKED_USER"):
        telegram.post.send(ann, bot, Draft("no"))


def test_a_blocked_person_is_not_told(telegram: Telegram) -> None:
    ann, ben = _person(telegram, "Ann"), _person(telegram, "Ben")
    telegram.mailbox.set_mark(ann.id, ben.id, "blocked", 1)
    assert telegram.post.send(ben, ann, Draft("hello?")).others == ()
    assert (_texts(telegram, ben), _texts(telegram, ann)) == (["hello?"], [])


def test_reading_moves_marks_forward_only_and_tells_people(telegram: Telegram) -> None:
    ann, ben, bot = _person(telegram, "Ann"), _person(telegram, "Ben"), _bot(telegram)
    for number in range(3):
        telegram.post.send(ann, ben, Draft(f"{number}"))
    done = telegram.post.read(ben, ann, 2)
    assert done.own is not None
    assert (done.own.kind, done.own.message_id, done.own.unread) == (ChangeKind.READ_INBOX, 2, 1)
    assert [(change.account_id, change.kind, change.message_id) for change in done.others] == [
        (ann.id, ChangeKind.READ_OUTBOX, 2)
    ]
    assert telegram.post.read(ben, ann, 1).all == ()
    assert telegram.post.read(ben, bot, 0).all == ()
    telegram.post.send(ann, bot, Draft("/start"))
    telegram.post.send(bot, ann, Draft("hello"))
    assert [change.account_id for change in telegram.post.read(ann, bot, 0).all] == [ann.id]


def test_edits_and_deletions_reach_every_copy(telegram: Telegram) -> None:
    ann, ben = _person(telegram, "Ann"), _person(telegram, "Ben")
    telegram.post.send(ann, ben, Draft("one"))
    telegram.post.send(ann, ben, Draft("two"))
    assert len(telegram.post.edit(ann, 1, Draft("uno")).all) == 2
    for editor, message_id, text, word in (
        (ann, 1, "uno", "NOT_MODIFIED"),
        (ben, 1, "x", "AUTHOR"),
        (ann, 9, "x", "ID_INV"),
    ):
        with pytest.raises(RpcRefusedError, match=word):
            telegram.post.edit(editor, message_id, Draft(text))
    done = telegram.post.delete(ben, [1, 1, 77], revoke=False)
    assert [change.ids for change in done.all] == [(1,)]
    assert (_texts(telegram, ann), _texts(telegram, ben)) == (["uno", "two"], ["two"])
    done = telegram.post.delete(ann, [1, 2], revoke=True)
    assert sorted((change.account_id, change.ids, change.pts_count) for change in done.all) == [
        (ann.id, (1, 2), 2),
        (ben.id, (2,), 1),
    ]
    kinds = [type(part).__name__ for part in telegram.differences.since(ben, 1, None).other_updates]  # type: ignore[attr-defined]
    assert kinds == ["UpdateDeleteMessages", "UpdateDeleteMessages"]


def test_faults_strike_whom_they_were_ordered_for() -> None:
    faults = Faults()
    faults.add(Fault(FaultKind.CUT_BEFORE, method="messages.sendMessage", account_id=5, remaining=2))
    assert faults.take(OF_METHODS, 5, "messages.getHistory") is None
    assert faults.take(OF_METHODS, 6, "messages.sendMessage") is None
    assert faults.take((FaultKind.SUPPRESS_PUSHES,), 5) is None
    for _ in range(2):
        assert faults.take(OF_METHODS, 5, "messages.sendMessage")
    assert faults.all() == []


def test_errors_carry_telegrams_codes_and_methods_its_names() -> None:
    codes = {
        word: usual_code(word)
        for word in ("FLOOD_WAIT_3", "AUTH_KEY_DUPLICATED", "AUTH_KEY_UNREGISTERED", "PEER_FLOOD")
    }
    assert codes == {
        "FLOOD_WAIT_3": 420,
        "AUTH_KEY_DUPLICATED": 406,
        "AUTH_KEY_UNREGISTERED": 401,
        "PEER_FLOOD": 400,
    }
    assert {"messages.sendMessage", "updates.getDifference", "ping", "auth.signIn"} <= known_methods()
