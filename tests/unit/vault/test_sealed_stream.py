"""A sealed stream opens as it was written, or says where it is not."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanfleet.vault.sealed_stream import CHUNK_BYTES, DamagedStreamError, StreamSealer, opened

KEY = bytes(32)
SEALED_BYTES = CHUNK_BYTES + 16
# Lengths around the borders of chunks, which is where such code goes wrong.
LENGTHS = st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7])


def sealed(plaintext: bytes, *, step: int = 10_000, key: bytes = KEY) -> bytes:
    written = io.BytesIO()
    sealer = StreamSealer(key, written.write)
    for start in range(0, len(plaintext), step):
        sealer.feed(plaintext[start : start + step])
    sealer.finish()
    return written.getvalue()


def open_(raw: bytes, key: bytes = KEY) -> bytes:
    return b"".join(opened(key, io.BytesIO(raw)))


def body(length: int) -> bytes:
    return (bytes(range(251)) * (length // 251 + 1))[:length]


@settings(max_examples=50, deadline=None)
@given(LENGTHS, st.integers(1, 3 * CHUNK_BYTES))
def test_round_trip(length: int, step: int) -> None:
    assert open_(sealed(body(length), step=max(step, 100))) == body(length)


@settings(max_examples=50, deadline=None)
@given(LENGTHS, st.data())
def test_a_flipped_bit_is_named_by_its_chunk(length: int, data: st.DataObject) -> None:
    raw = bytearray(sealed(body(length)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DamagedStreamError, match="changed") as damaged:
        open_(bytes(raw))
    assert damaged.value.offset == place // SEALED_BYTES * SEALED_BYTES


@settings(max_examples=50, deadline=None)
@given(LENGTHS, st.data())
def test_a_cut_stream_is_named(length: int, data: st.DataObject) -> None:
    raw = sealed(body(length))
    kept = data.draw(st.integers(0, len(raw) - 1) | st.sampled_from([0, *range(SEALED_BYTES, len(raw), SEALED_BYTES)]))
    with pytest.raises(DamagedStreamError) as damaged:
        open_(raw[:kept])
    # Cut between two chunks it is the chunk before that should not have been the last.
    assert kept - SEALED_BYTES <= damaged.value.offset <= kept


def test_cut_between_chunks_is_told_from_changed() -> None:
    with pytest.raises(DamagedStreamError, match="cut short in the 64 KiB from byte 0"):
        open_(sealed(body(CHUNK_BYTES * 2))[:SEALED_BYTES])
    with pytest.raises(DamagedStreamError, match="longer than it was written in the 64 KiB from byte 0"):
        open_(sealed(body(CHUNK_BYTES)) + b"more")


def test_moved_chunks_and_another_key_do_not_open() -> None:
    raw = sealed(body(CHUNK_BYTES * 3))
    first, second, rest = raw[:SEALED_BYTES], raw[SEALED_BYTES : 2 * SEALED_BYTES], raw[2 * SEALED_BYTES :]
    for shuffled in (second + first + rest, first + first + rest, first + rest):
        with pytest.raises(DamagedStreamError, match="changed"):
            open_(shuffled)
    with pytest.raises(DamagedStreamError, match="changed in the 64 KiB from byte 0"):
        open_(raw, bytes(31) + b"x")
