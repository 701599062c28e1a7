"""A bot's keys: what any of them sealed opens, whichever came since, and nothing else does."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hanfleet.core.errors import PermanentError
from hanfleet.vault import KEY_BYTES, Cipher, KeyRing, MasterKey
from hanfleet.vault.cipher import number_in, prefix_of

keys = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
rings = st.dictionaries(st.integers(1, 2**32 - 1), keys, min_size=1, max_size=5)
fields = st.text(max_size=20)
# The key was 32 zero bytes, the place the field "token" of bot "mira".
SEALED_WITHOUT_A_NUMBER = "01886ca04138bcded9f1107dcbc326e98c934e570bc35ac6e1c4148fff86339b44dfb9de7716d5bfe1"


@given(rings, fields, st.binary(max_size=100))
def test_the_newest_seals_and_is_named(ring: dict[int, bytes], field: str, plain: bytes) -> None:
    sealed = KeyRing("mira", ring).seal(field, plain)
    assert number_in(sealed) == max(ring)
    assert sealed.startswith(prefix_of(max(ring)))
    assert KeyRing("mira", ring).prefix == prefix_of(max(ring))
    assert KeyRing("mira", {max(ring): ring[max(ring)]}).open(field, sealed) == plain


@given(rings, rings, fields, st.binary(max_size=100))
def test_what_an_older_ring_sealed_opens_in_every_ring_that_has_its_key(
    old: dict[int, bytes], new: dict[int, bytes], field: str, plain: bytes
) -> None:
    sealed = KeyRing("mira", old).seal(field, plain)
    assert KeyRing("mira", {**new, **old}).open(field, sealed) == plain
    without = {number: key for number, key in new.items() if number != max(old)}
    assume(without)
    with pytest.raises(PermanentError, match=f"its key {max(old)}, which is not there"):
        KeyRing("mira", without).open(field, sealed)


@given(keys, keys, fields, st.binary(max_size=100))
def test_the_number_alone_opens_nothing(key: bytes, other: bytes, field: str, plain: bytes) -> None:
    assume(key != other)
    with pytest.raises(PermanentError, match="does not open"):
        KeyRing("mira", {1: other}).open(field, KeyRing("mira", {1: key}).seal(field, plain))


@given(keys, st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1), st.binary(max_size=50))
def test_a_value_cannot_be_made_to_name_another_key(key: bytes, number: int, other: int, plain: bytes) -> None:
    assume(number != other)
    sealed = KeyRing("mira", {number: key}).seal("token", plain)
    renamed = prefix_of(other) + sealed[len(prefix_of(other)) :]
    with pytest.raises(PermanentError):
        KeyRing("mira", {number: key, other: key}).open("token", renamed)


def test_what_an_older_release_sealed_names_no_key_and_opens_with_the_first() -> None:
    sealed = bytes.fromhex(SEALED_WITHOUT_A_NUMBER)
    assert number_in(sealed) is None
    assert KeyRing("mira", {1: bytes(32), 2: b"n" * 32}).open("token", sealed) == b"very private"
    assert Cipher(bytes(32)).open("mira", "token", sealed) == b"very private"
    assert not sealed.startswith(KeyRing("mira", {1: bytes(32)}).prefix)
    with pytest.raises(PermanentError, match="its key 1, which is not there"):
        KeyRing("mira", {2: bytes(32)}).open("token", sealed)


@given(st.binary(max_size=60))
def test_rubbish_is_refused_with_a_sentence(rubbish: bytes) -> None:
    with pytest.raises(PermanentError, match=r"token of (bot )?mira"):
        KeyRing("mira", {1: bytes(32)}).open("token", rubbish)


@pytest.mark.parametrize("ring", [{}, {1: b"short"}, {-1: bytes(32)}, {2**32: bytes(32)}])
def test_what_is_no_ring_is_refused(ring: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="key"):
        KeyRing("mira", ring)


@given(keys, keys, st.text(max_size=20), st.text(max_size=20), keys)
def test_a_named_key_opens_for_its_purpose_and_master_key_alone(
    master: bytes, other: bytes, purpose: str, elsewhere: str, key: bytes
) -> None:
    assume(master != other)
    assume(purpose != elsewhere)
    wrapped = MasterKey(master).wrap_named(purpose, key)
    assert MasterKey(master).unwrap_named(purpose, wrapped) == key
    assert MasterKey(master).wrapped_it(wrapped)
    assert MasterKey(other).is_stranger_to(wrapped)
    for opener, place in ((other, purpose), (master, elsewhere)):
        with pytest.raises(PermanentError):
            MasterKey(opener).unwrap_named(place, wrapped)
    with pytest.raises(PermanentError):
        MasterKey(master).unwrap(purpose, wrapped)


def test_master_keys_are_told_apart_by_name_and_shown_in_no_other_way() -> None:
    one, two = MasterKey(b"a" * 32), MasterKey(b"b" * 32)
    assert one.name != two.name
    assert len(one.name) == 8
    with pytest.raises(PermanentError, match=f"wrapped by master key {one.name}, and this is {two.name}"):
        two.unwrap("mira", one.wrap("mira", bytes(32)))
