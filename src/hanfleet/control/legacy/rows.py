"""What one old chat comes to in our tables. Pure but for fresh ids, so that importing and comparing mean the same."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hanfleet.control.legacy.bounding import fits, fitting
from hanfleet.control.legacy.choosing import imported_profile, settled, sign_of
from hanfleet.control.legacy.cleaning import plain
from hanfleet.control.legacy.ids import message_id, scope
from hanfleet.control.legacy.oddities import Oddities
from hanfleet.control.legacy.records import LegacyChat, LegacyProfile
from hanfleet.core.messages import Author, Direction
from hanfleet.kit.identity import new_id
from hanfleet.store.imported import ImportedContact, ImportedConversation, ImportedMessage

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def contact_of(chat: LegacyChat, now: datetime) -> ImportedContact:
    """The contact, not yet told that it talks to an AI. ``now`` stands in where no time is known at all.

    Its id is random like every contact's: the audit trail keeps it, and must not give an erased one's chat away.
    """
    profile = chat.profile
    received = sum(message.direction is Direction.IN for message in chat.messages)
    first = next((message.sent_at for message in chat.messages if message.sent_at), None)
    active = profile.last_activity if profile else None
    created = (profile.created_at if profile else None) or first or active or now
    return ImportedContact(
        id=new_id(),
        chat_id=chat.chat_id,
        name=chat.name,
        data=profile.data if profile else {},
        message_count=max(received, profile.message_count if profile else 0),
        last_activity=active,
        created_at=min(created, now),
    )


def conversation_of(chat: LegacyChat, now: datetime) -> ImportedConversation | None:
    """None for a contact with whom nobody ever talked."""
    response_id = chat.profile.response_id if chat.profile else None
    if not chat.messages and not response_id:
        return None
    last = next((message.sent_at for message in reversed(chat.messages) if message.sent_at), None)
    last = last or (chat.profile.last_activity if chat.profile else None) or now
    # Never in the future, or the conversation would lead every list.
    return ImportedConversation(new_id(), chat.chat_id, response_id, min(last, now))


def messages_of(bot_id: str, chat: LegacyChat) -> list[ImportedMessage]:
    """Every message in order. One without a time counts as made with the one before it, or else after it."""
    key = scope(bot_id, chat.chat_id)
    known = next((message.sent_at for message in chat.messages if message.sent_at), _NEVER)
    rows = []
    for index, message in enumerate(chat.messages):
        known = message.sent_at or known
        rows.append(
            ImportedMessage(
                message_id(key, index, message),
                message.direction,
                Author.CONTACT if message.direction is Direction.IN else Author.BOT,
                fitting(message.text),
                message.media,
                message.sent_at,
                known,
            )
        )
    return rows


def extras_of(chat: LegacyChat) -> dict[str, Any]:
    """What messages had beyond a message, by their place in the talk; of a text that was cut, the whole."""
    extras = ((message.extra or {}) | _whole(message.text) for message in chat.messages)
    return {str(index): extra for index, extra in enumerate(extras) if extra}


def _whole(text: str) -> dict[str, Any]:
    return {} if fits(text) else {"text": text}


def contact_again(
    contact: ImportedContact, found: LegacyProfile | None, brought: Mapping[str, Any], oddities: Oddities
) -> tuple[ImportedContact, dict[str, Any]]:
    """The contact as it has to stand after an earlier import, and its mark: both are one version's, the newest.

    What was counted then is not taken back.
    """
    version = settled(imported_profile(contact.chat_id, brought), found, oddities)
    contact = replace(
        contact,
        name=version.name or contact.name or brought["name"],
        data=version.data,
        message_count=max(contact.message_count, brought["message_count"]),
        last_activity=version.last_activity,
    )
    return contact, brought_contact(contact, version)


def brought_contact(contact: ImportedContact, profile: LegacyProfile | None) -> dict[str, Any]:
    """What the way back compares with and a later import asks for the profile's age, as jsonb gives it back."""
    brought: dict[str, Any] = plain(
        {
            **sign_of(profile),
            "name": contact.name,
            "data": contact.data,
            "message_count": contact.message_count,
            "last_activity": contact.last_activity and contact.last_activity.isoformat(),
        }
    )
    return brought
