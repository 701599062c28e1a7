import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hanfleet.core.errors import PermanentError
from hanfleet.vault import KEY_BYTES, Cipher

keys = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
places = st.tuples(st.text(max_size=20), st.text(max_size=20))


@given(keys, places, st.binary(max_size=300))
def test_what_is_sealed_opens_again(key: bytes, place: tuple[str, str], plaintext: bytes) -> None:
    assert Cipher(key).open(*place, Cipher(key).seal(*place, plaintext)) == plaintext


@given(keys, places, places, st.binary(max_size=50))
def test_a_value_opens_in_its_own_place_only(
    key: bytes, place: tuple[str, str], other: tuple[str, str], plaintext: bytes
) -> None:
    assume(place != other)
    sealed = Cipher(key).seal(*place, plaintext)
    with pytest.raises(PermanentError, match="does not open"):
        Cipher(key).open(*other, sealed)


def test_the_border_between_bot_and_field_is_part_of_the_place() -> None:
    cipher = Cipher(bytes(KEY_BYTES))
    with pytest.raises(PermanentError):
        cipher.open("mi", "ra", cipher.seal("mir", "a", b"x"))


@given(keys, keys, st.binary(max_size=50))
def test_another_key_opens_nothing(key: bytes, other: bytes, plaintext: bytes) -> None:
    assume(key != other)
    with pytest.raises(PermanentError, match="does not open"):
        Cipher(other).open("mira", "token", Cipher(key).seal("mira", "token", plaintext))


@given(keys, st.binary(max_size=50), st.data())
def test_every_changed_bit_is_noticed(key: bytes, plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(Cipher(key).seal("mira", "token", plaintext))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(PermanentError):
        Cipher(key).open("mira", "token", bytes(sealed))


@given(st.binary(max_size=60))
def test_rubbish_is_refused_with_a_sentence(rubbish: bytes) -> None:
    with pytest.raises(PermanentError, match=r"token of mira"):
        Cipher(bytes(KEY_BYTES)).open("mira", "token", rubbish)


def test_sealing_twice_gives_two_values() -> None:
    cipher = Cipher(bytes(KEY_BYTES))
    assert cipher.seal("mira", "token", b"x") != cipher.seal("mira", "token", b"x")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Cipher(bytes(length))


def test_an_error_tells_no_plaintext_and_no_key() -> None:
    sealed = Cipher(b"k" * KEY_BYTES).seal("mira", "token", b"very private")
    with pytest.raises(PermanentError) as refused:
        Cipher(b"o" * KEY_BYTES).open("mira", "token", sealed)
    assert "private" not in str(refused.value)
    assert "ooo" not in str(refused.value)
