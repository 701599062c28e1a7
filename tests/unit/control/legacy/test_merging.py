"""One talk out of several copies."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hanfleet.control.legacy.ids import message_id, scope
from hanfleet.control.legacy.merging import merged
from hanfleet.control.legacy.records import LegacyMessage
from hanfleet.core.messages import Direction


def said(number: int, text: str = "") -> LegacyMessage:
    at = datetime(2025, 6, 1, tzinfo=UTC) + timedelta(seconds=number)
    return LegacyMessage(at.isoformat(), at, Direction.IN, text or str(number))


def talk(*numbers: int) -> list[LegacyMessage]:
    return [said(number) for number in numbers]


def test_what_the_log_lost_comes_back_before_it() -> None:
    assert merged(talk(4, 5), talk(1, 2, 3)) == (talk(1, 2, 3, 4, 5), 3)


def test_nothing_is_doubled() -> None:
    assert merged(talk(1, 2, 3), talk(1, 2, 3)) == (talk(1, 2, 3), 0)


def test_a_message_that_was_sent_twice_stays_two() -> None:
    assert merged(talk(1, 1, 2), talk(1, 1)) == (talk(1, 1, 2), 0)
    assert merged(talk(1, 2), talk(1, 1, 2)) == (talk(1, 1, 2), 1)


def test_gaps_are_filled_where_they_are() -> None:
    assert merged(talk(1, 3, 5), talk(1, 2, 3, 4)) == (talk(1, 2, 3, 4, 5), 2)


def test_what_has_no_time_goes_with_its_neighbour() -> None:
    timeless = said(6)._replace(sent_at=None)
    assert merged(talk(4, 5), [timeless, *talk(7)])[0] == [*talk(4, 5), timeless, *talk(7)]
    assert merged(talk(4, 8), [*talk(7), timeless])[0] == [*talk(4, 7), timeless, *talk(8)]


def test_the_logs_order_counts() -> None:
    assert merged(talk(2, 1), talk(1, 2)) == (talk(2, 1), 0)


@given(st.lists(st.integers(0, 6)), st.lists(st.integers(0, 6)))
def test_every_message_of_both_is_there_as_often_as_in_either(one: list[int], other: list[int]) -> None:
    result, recovered = merged(talk(*one), talk(*other))
    texts = [message.text for message in result]
    for number in set(one) | set(other):
        assert texts.count(str(number)) == max(one.count(number), other.count(number))
    assert len(result) == len(one) + recovered
    left = iter(texts)
    assert all(str(number) in left for number in one)


@given(st.lists(st.integers(0, 50), unique=True), st.data())
def test_a_snapshot_and_a_restarted_log_give_the_whole_talk(numbers: list[int], data: st.DataObject) -> None:
    whole = sorted(numbers)
    start, end = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, len(whole)))
    if start <= end:
        assert merged(talk(*whole[start:]), talk(*whole[:end]))[0] == talk(*whole)


def test_ids_keep_the_order_and_come_out_the_same() -> None:
    key = scope("mira", 5)
    ids = [message_id(key, index, said(index)) for index in (0, 1, 2, 16383, 16384, 2**25)]
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {8}
    assert ids[0] == message_id(scope("mira", 5), 0, said(0))
    assert ids[0] != message_id(scope("mira", 6), 0, said(0))
    assert ids[0] != message_id(key, 0, said(0, "else"))
