"""girls_data.json, the profile store's version 1: every contact in one object."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from hanfleet.control.legacy.fields import chat_id_of
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.profiles_v2 import RANK_V1, read_profile_v2
from hanfleet.control.legacy.records import LegacyProfile


def read_profiles_v1(document: Any, file: str, oddities: Oddities, now: datetime) -> Iterator[LegacyProfile]:
    """Every profile of one document."""
    girls = document.get("girls") if isinstance(document, dict) else None
    if isinstance(document, dict) and "girls" not in document and any(chat_id_of(key) is not None for key in document):
        document, girls = {}, document  # the file has lost its beginning
    if not isinstance(girls, dict):
        oddities.pass_over(file, "", f"not the shape of version 1: {quoted(document)}")
        return
    for key in document.keys() - {"girls"}:
        oddities.keep(file, key, document[key])
    for key, values in girls.items():
        # A key that stood twice in the file carries a suffix.
        chat_id = chat_id_of(key.partition("~")[0])
        if isinstance(values, dict) and chat_id is None:
            chat_id = chat_id_of(values.get("chat_id"))
            if chat_id is not None:
                reason = f"two ids: its key says {quoted(key)}, its chat_id says {chat_id}"
                oddities.note(file, key, reason, f"taken for chat {chat_id}")
        if chat_id is None or not isinstance(values, dict):
            oddities.pass_over(file, key, f"no profile: {quoted(values)}")
            continue
        yield read_profile_v2(values, chat_id, file, key, oddities, now, RANK_V1)
