"""Telethon's updates as core messages: what comes through, and that everything else gives nothing."""

# mypy: allow-untyped-calls

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import types

from hanfleet.core.messages import InboundMessage, MediaKind, MessageDeletion, MessageEdit, Person
from hanfleet.transports.telegram.conversion import SERVICE_USER_ID, convert, media_of, sent_id

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANN = types.User(id=7, access_hash=70, first_name="Ann", last_name="Lee", username="ann", lang_code="en")
ROBOT = types.User(id=8, access_hash=80, first_name="Robot", bot=True)
ME = 1


def message(text: str = "hello", *, peer: Any = None, **more: Any) -> types.Message:
    return types.Message(id=5, peer_id=peer or types.PeerUser(7), date=NOW, message=text, **more)


def converted(*updates: object, known: dict[int, Person] | None = None):
    return convert(updates, {7: ANN, 8: ROBOT}, self_id=ME, known=(known or {}).get)


def new(*messages: Any) -> list[types.UpdateNewMessage]:
    return [types.UpdateNewMessage(message=m, pts=1, pts_count=1) for m in messages]


def test_a_private_message_comes_through_whole() -> None:
    assert converted(*new(message())).messages == [
        InboundMessage(
            chat_id=7,
            telegram_id=5,
            text="hello",
            sent_at=NOW,
            person=Person(7, name="Ann Lee", username="ann", language="en"),
        )
    ]


def test_our_own_message_is_outgoing_and_speaks_of_the_other_side() -> None:
    (ours,) = converted(*new(message(out=True, from_id=types.PeerUser(ME)))).messages
    assert ours.outgoing
    assert ours.person.name == "Ann Lee"


@pytest.mark.parametrize(
    "ignored",
    [
        message(peer=types.PeerChat(3)),
        message(peer=types.PeerChannel(3)),
        message(peer=types.PeerUser(8)),
        message(peer=types.PeerUser(ME)),
        message(peer=types.PeerUser(SERVICE_USER_ID)),
        message(""),
        types.MessageEmpty(id=5, peer_id=None),
        types.MessageService(id=5, peer_id=types.PeerUser(7), date=NOW, action=types.MessageActionContactSignUp()),
    ],
    ids=["group", "channel", "bot", "self", "telegram", "without text", "empty", "service"],
)
def test_what_is_no_conversation_gives_nothing(ignored: object) -> None:
    assert not converted(*new(ignored))


def test_a_stranger_without_details_is_still_a_contact() -> None:
    (found,) = converted(*new(message(peer=types.PeerUser(99)))).messages
    assert found.person == Person(99)


def test_a_short_message_takes_the_person_met_before() -> None:
    short = types.UpdateShortMessage(id=6, user_id=9, message="hi", pts=2, pts_count=1, date=NOW)
    (found,) = converted(short, known={9: Person(9, name="Bo")}).messages
    assert (found.chat_id, found.text, found.person.name) == (9, "hi", "Bo")
    assert not converted(short, known={9: Person(9, is_bot=True)})


def test_a_caption_comes_with_its_kind() -> None:
    photo = types.MessageMediaPhoto(photo=types.PhotoEmpty(1))
    (found,) = converted(*new(message("look", media=photo))).messages
    assert (found.text, found.media) == ("look", MediaKind.PHOTO)
    (bare,) = converted(*new(message("", media=photo))).messages
    assert (bare.text, bare.media) == ("", MediaKind.PHOTO)


@pytest.mark.parametrize(
    ("media", "kind"),
    [
        (None, MediaKind.NONE),
        (types.MessageMediaEmpty(), MediaKind.NONE),
        (types.MessageMediaWebPage(types.WebPageEmpty(1)), MediaKind.NONE),
        (types.MessageMediaPhoto(), MediaKind.PHOTO),
        (types.MessageMediaDocument(voice=True), MediaKind.VOICE),
        (
            types.MessageMediaDocument(
                document=types.Document(
                    1, 2, b"", NOW, "audio/ogg", 3, 2, [types.DocumentAttributeAudio(duration=1, voice=True)]
                )
            ),
            MediaKind.VOICE,
        ),
        (types.MessageMediaDocument(), MediaKind.OTHER),
        (types.MessageMediaGeo(types.GeoPointEmpty()), MediaKind.OTHER),
    ],
)
def test_kinds_of_media(media: object, kind: MediaKind) -> None:
    assert media_of(media) is kind


def test_edits_and_deletions() -> None:
    edit = types.UpdateEditMessage(message=message("better"), pts=1, pts_count=1)
    gone = types.UpdateDeleteMessages(messages=[1, 2], pts=1, pts_count=2)
    ours = types.UpdateDeleteMessages(messages=[], pts=1, pts_count=1)
    found = converted(edit, gone, ours)
    assert found.edits == [MessageEdit(7, 5, "better")]
    assert found.deletions == [MessageDeletion((1, 2))]


def test_no_update_type_crashes() -> None:
    every = [
        cls
        for cls in vars(types).values()
        if inspect.isclass(cls) and getattr(cls, "SUBCLASS_OF_ID", None) == 0x9F89304E
    ]
    assert len(every) > 100
    for cls in every:
        blank = cls.__new__(cls)
        for name in inspect.signature(cls.__init__).parameters:
            if name not in ("self", "args", "kwargs"):
                setattr(blank, name, None)
        assert not converted(blank)


def test_the_id_of_a_sent_message() -> None:
    assert sent_id(types.UpdateShortSentMessage(id=4, pts=1, pts_count=1, date=NOW), 77) == 4
    many = types.Updates([types.UpdateMessageID(3, 76), types.UpdateMessageID(5, 77)], [], [], NOW, 0)
    assert sent_id(many, 77) == 5
    assert sent_id(types.Updates([], [], [], NOW, 0), 77) is None
