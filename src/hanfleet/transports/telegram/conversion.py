"""Telethon's updates as core messages and back: pure functions, total over every update type.

Only private chats with people become messages; groups, channels, bots, service notifications and empty messages give
nothing, without an error.
"""

# mypy: untyped-calls-exclude=telethon

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from telethon.tl import types
from telethon.utils import get_display_name

from hanfleet.core.messages import InboundMessage, MediaKind, MessageDeletion, MessageEdit, Person

#: Telegram's own account: log-in codes and announcements, never a conversation.
SERVICE_USER_ID = 777000

Lookup = Callable[[int], Person | None]


@dataclass
class Converted:
    """What a run of updates held, each kind in its order."""

    messages: list[InboundMessage] = field(default_factory=list)
    edits: list[MessageEdit] = field(default_factory=list)
    deletions: list[MessageDeletion] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.messages or self.edits or self.deletions)


def convert(updates: Iterable[Any], users: Mapping[int, Any], *, self_id: int | None, known: Lookup) -> Converted:
    """Sort ``updates`` out. ``users`` came along with them; ``known`` gives people met earlier in this process."""
    found = Converted()
    people = _People(users, known, self_id)
    for update in updates:
        match update:
            case types.UpdateNewMessage(message=message):
                _append(found.messages, message_of(message, people))
            case types.UpdateShortMessage():
                _append(found.messages, _short_message(update, people))
            case types.UpdateEditMessage(message=message):
                edited = message_of(message, people)
                _append(found.edits, edited and MessageEdit(edited.chat_id, edited.telegram_id, edited.text))
            case types.UpdateDeleteMessages(messages=ids) if ids:
                found.deletions.append(MessageDeletion(tuple(ids)))
            case _:
                pass
    return found


class _People:
    """Who may be on the other side of a chat."""

    def __init__(self, users: Mapping[int, Any], known: Lookup, self_id: int | None) -> None:
        self._users = users
        self._known = known
        self._self_id = self_id

    def contact(self, user_id: int) -> Person | None:
        """The person behind ``user_id``; None for whoever is no contact: ourselves, Telegram, a bot."""
        if user_id in (self._self_id, SERVICE_USER_ID):
            return None
        user = self._users.get(user_id)
        person = person_of(user) if isinstance(user, types.User) else self._known(user_id) or Person(user_id)
        return None if person.is_bot else person


def people_in(users: Mapping[int, Any], known: Lookup, self_id: int | None) -> "_People":
    """The people of one answer, for ``message_of``."""
    return _People(users, known, self_id)


def person_of(user: types.User) -> Person:
    """What Telegram tells of a user. ``lang_code`` is told to bot accounts only."""
    return Person(
        chat_id=user.id,
        name=get_display_name(user),
        username=user.username,
        language=user.lang_code,
        is_bot=bool(user.bot),
    )


def message_of(message: Any, people: _People) -> InboundMessage | None:
    """A message of a private chat with a person that has text or media; None for every other."""
    if not isinstance(message, types.Message) or not isinstance(message.peer_id, types.PeerUser):
        return None
    person = people.contact(message.peer_id.user_id)
    media = media_of(message.media)
    if person is None or message.date is None or (not message.message and media is MediaKind.NONE):
        return None
    return InboundMessage(
        chat_id=person.chat_id,
        telegram_id=message.id,
        text=message.message or "",
        sent_at=message.date,
        person=person,
        outgoing=bool(message.out),
        media=media,
    )


def _short_message(update: types.UpdateShortMessage, people: _People) -> InboundMessage | None:
    person = people.contact(update.user_id)
    if person is None or update.date is None or not update.message:
        return None
    return InboundMessage(
        chat_id=person.chat_id,
        telegram_id=update.id,
        text=update.message,
        sent_at=update.date,
        person=person,
        outgoing=bool(update.out),
    )


def media_of(media: Any) -> MediaKind:
    """The kind of attachment; a link's preview is no attachment."""
    match media:
        case None | types.MessageMediaEmpty() | types.MessageMediaWebPage():
            return MediaKind.NONE
        case types.MessageMediaPhoto():
            return MediaKind.PHOTO
        case types.MessageMediaDocument() if _is_voice(media):
            return MediaKind.VOICE
        case _:
            return MediaKind.OTHER


def _is_voice(media: types.MessageMediaDocument) -> bool:
    attributes = getattr(media.document, "attributes", None) or ()
    return bool(media.voice) or any(isinstance(a, types.DocumentAttributeAudio) and a.voice for a in attributes)


def sent_id(answer: Any, random_id: int) -> int | None:
    """The id that Telegram gave to the message sent with ``random_id``; None when the answer does not tell."""
    if isinstance(answer, types.UpdateShortSentMessage):
        return int(answer.id)
    for update in getattr(answer, "updates", None) or ():
        if isinstance(update, types.UpdateMessageID) and update.random_id == random_id:
            return int(update.id)
    return None


def _append(target: list[Any], item: Any) -> None:
    if item is not None:
        target.append(item)
