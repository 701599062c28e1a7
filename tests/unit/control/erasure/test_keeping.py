"""Taking one contact out of what an import kept."""

from typing import Any

import pytest

from hanfleet.control.erasure.keeping import parts_of_chat, without_chat

ANN = 124651738
COUNTS = {"current": {"api_failures": 1, "active_chats": 6, "by_chat": {"1": 25}}, "best": [1, 6]}


def test_files_keys_records_and_lists_that_name_the_chat_go() -> None:
    kept = {
        "topics": ["home", "pets"],
        "metrics": COUNTS,
        "unknown": {
            f"girls_data/{ANN}.json": {"mood": "sunny"},
            f"girls_data/{ANN} (copy).json": {"mood": "rainy"},
            f"backups/{ANN}/2025-06-01.json": {"x": 1},
            "girls_data.json": {
                "notes": [{"telegram_id": ANN, "about": "Ann"}, {"telegram_id": 1, "about": "Bo"}],
                "last": {"userId": f" {ANN}"},
                "moods": {str(ANN): "sunny", f"{ANN}~2": "rainy", "5": "grey"},
                f"profile of chat {ANN}": {"facts": {}},
                "blocked_users": [ANN, 5],
            },
            "han.session": {f"person {ANN}": ["Ann"], f"person {ANN}1": ["Bo"]},
            "conversations/1246517380.json": {"owner": "not she"},
        },
    }
    assert without_chat(kept, ANN) == {
        "topics": ["home", "pets"],
        "metrics": COUNTS,
        "unknown": {
            "girls_data.json": {
                "notes": [{"telegram_id": 1, "about": "Bo"}],
                "moods": {"5": "grey"},
                "blocked_users": [5],
            },
            "han.session": {f"person {ANN}1": ["Bo"]},
            "conversations/1246517380.json": {"owner": "not she"},
        },
    }
    assert len(parts_of_chat(kept, ANN)) == 10


@pytest.mark.parametrize("chat_id", [1, 6, 25, 2025, -10, 10, 0])
def test_a_number_that_is_no_chat_takes_nothing_out(chat_id: int) -> None:
    kept: dict[str, Any] = {
        "topics": ["home", "6", 25],
        "metrics": COUNTS,
        "unknown": {
            f"backups/{ANN}/2025-06-10.json": {"version": 1, "message_id": 25, "parts": [1, 6, {"score": 10}]},
            f"conversations/{ANN}.json": {"version 1": True, "active_chats": 6, "2025-06-10": {"1.5": 0}, "x": "1"},
        },
    }
    assert without_chat(kept, chat_id) == kept
    assert parts_of_chat(kept, chat_id) == []
    assert without_chat(kept, ANN)["unknown"] == {}


def test_a_group_is_not_the_person_of_the_same_number() -> None:
    kept = {"unknown": {"conversations/-10.json": {"x": 1}, "a.json": {"profile of chat -10": 1, "chat_id": -10}}}
    assert without_chat(kept, 10) == kept
    assert without_chat(kept, -10) == {"unknown": {}}
