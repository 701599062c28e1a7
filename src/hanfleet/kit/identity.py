"""Ids that sort by the time they were made (UUID version 7, RFC 9562), so that indexes grow at one end."""

import uuid

import uuid_utils


def new_id() -> uuid.UUID:
    """A fresh UUIDv7."""
    return uuid.UUID(bytes=uuid_utils.uuid7().bytes)
