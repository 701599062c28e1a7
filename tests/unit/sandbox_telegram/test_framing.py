"""Packets survive every transport, however the stream is cut into pieces; damaged ones are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanfleet.sandbox.telegram.errors import MalformedPacketError
from hanfleet.sandbox.telegram.framing import (
    Abridged,
    Framing,
    Full,
    Intermediate,
    PaddedIntermediate,
    by_tag,
    recognise,
)
from hanfleet.sandbox.telegram.obfuscation import Obfuscation

_PACKETS = st.lists(st.binary(min_size=1, max_size=300).map(lambda part: b"\x01" * 24 + part * 16), max_size=6)
_FRAMINGS = (Full, Abridged, Intermediate, PaddedIntermediate)


@pytest.mark.parametrize("make", _FRAMINGS)
@given(packets=_PACKETS, cut=st.integers(1, 50))
def test_what_is_framed_comes_out_again(make: type[Framing], packets: list[bytes], cut: int) -> None:
    sender, receiver = make(), make()
    stream = b"".join(sender.frame(packet) for packet in packets)
    buffer, got = bytearray(), []
    for start in range(0, len(stream), cut):
        buffer += stream[start : start + cut]
        while (packet := receiver.take(buffer)) is not None:
            got.append(packet)
    assert got == packets
    assert not buffer


def test_transport_errors_are_framed_too() -> None:
    error = (-404).to_bytes(4, "little", signed=True)
    assert Abridged().frame(error) == b"\x01" + error
    assert Intermediate().frame(error) == b"\x04\x00\x00\x00" + error
    assert Full().frame(error)[8:12] == error


def test_quick_acknowledgement_bits_are_not_length() -> None:
    assert Abridged().take(bytearray(b"\x81abcd")) == b"abcd"
    assert Intermediate().take(bytearray(b"\x04\x00\x00\x80abcd")) == b"abcd"


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\xef", Abridged),
        (b"\xee\xee\xee\xee", Intermediate),
        (b"\xdd\xdd\xdd\xdd", PaddedIntermediate),
        (b"\x34\x00\x00\x00\x00\x00\x00\x00", Full),
    ],
)
def test_transports_are_recognised(start: bytes, kind: type) -> None:
    assert type(recognise(bytearray(start))) is kind


def test_nothing_is_recognised_too_early() -> None:
    assert recognise(bytearray(b"")) is None
    assert recognise(bytearray(b"\xee\xee")) is None
    assert recognise(bytearray(b"\x34\x00\x00\x00\x00\x00\x00")) is None


@pytest.mark.parametrize(
    ("make", "stream"),
    [
        (Full, b"\x04\x00\x00\x00\x00\x00\x00\x00"),
        (Full, b"\xff\xff\xff\x7f\x00\x00\x00\x00"),
        (Intermediate, b"\x00\x00\x00\x00"),
        (Intermediate, b"\xff\xff\xff\x7f"),
        (Abridged, b"\x00"),
    ],
)
def test_impossible_lengths_are_refused(make: type[Framing], stream: bytes) -> None:
    with pytest.raises(MalformedPacketError):
        make().take(bytearray(stream))


def test_an_unknown_obfuscated_tag_is_refused() -> None:
    with pytest.raises(MalformedPacketError, match="01020304"):
        by_tag(b"\x01\x02\x03\x04")


def test_obfuscated_streams_run_on_in_both_directions() -> None:
    header = bytes(range(64))
    server, twin = Obfuscation(header), Obfuscation(header)
    # CTR is its own inverse: hiding what the client's stream makes of a text reveals it.
    hidden = b"".join(server.hide(part) for part in (b"one", b"two", b"three"))
    assert twin.hide(hidden) == b"onetwothree"
    assert server.tag == twin.tag
