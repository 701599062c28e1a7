"""Taking one contact out of what an import kept."""

from hanfleet.control.erasure.keeping import without_chat

ANN = 124651738


def test_files_records_and_values_that_name_the_chat_go() -> None:
    kept = {
        "topics": ["home", "pets"],
        "metrics": {"by_chat": {str(ANN): 5, "5132847736": 6}, "best": [ANN, 7]},
        "unknown": {
            f"girls_data/{ANN}.json": {"mood": "sunny"},
            f"backups/{ANN}/2025-06-01.json": {"x": 1},
            "girls_data.json": {"notes": [{"telegram_id": ANN, "about": "Ann"}, {"telegram_id": 1, "about": "Bo"}]},
            "conversations/1246517380.json": {"owner": "not she"},
        },
    }
    assert without_chat(kept, ANN) == {
        "topics": ["home", "pets"],
        "metrics": {"by_chat": {"5132847736": 6}, "best": [7]},
        "unknown": {
            "girls_data.json": {"notes": [{"telegram_id": 1, "about": "Bo"}]},
            "conversations/1246517380.json": {"owner": "not she"},
        },
    }


def test_what_names_nobody_stays_as_it_is() -> None:
    kept = {"topics": ["home"], "unknown": {"a.json": {"x": [1, {"y": None}]}}}
    assert without_chat(kept, ANN) == kept
