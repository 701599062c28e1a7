from pathlib import Path

import pytest

from hanfleet.core.errors import PermanentError
from hanfleet.vault import KEY_BYTES, MasterKey, new_data_key


def key_file(folder: Path, content: str = "ab" * KEY_BYTES + "\n", mode: int = 0o600) -> Path:
    path = folder / "master.key"
    path.write_text(content)
    path.chmod(mode)
    return path


def test_a_data_key_survives_wrapping(tmp_path: Path) -> None:
    master, data_key = MasterKey.load(key_file(tmp_path)), new_data_key()
    wrapped = master.wrap("mira", data_key)
    assert data_key not in wrapped
    assert MasterKey(b"\xab" * KEY_BYTES).unwrap("mira", wrapped) == data_key


def test_a_wrapped_key_belongs_to_one_bot(tmp_path: Path) -> None:
    master = MasterKey.load(key_file(tmp_path))
    with pytest.raises(PermanentError, match="does not open"):
        master.unwrap("otto", master.wrap("mira", new_data_key()))


def test_data_keys_differ() -> None:
    assert new_data_key() != new_data_key()


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"cannot be read .* restore it"):
        MasterKey.load(tmp_path / "nothing")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666, 0o601])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(PermanentError, match=r"open to other users .* chmod 600"):
        MasterKey.load(key_file(tmp_path, mode=mode))


@pytest.mark.parametrize("content", ["", "ab" * 31, "ab" * 33, "not hex", "é" * 64, "ab" * 32 + "\nab"])
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    with pytest.raises(PermanentError, match="64 hex digits") as refused:
        MasterKey.load(key_file(tmp_path, content))
    assert "abab" not in str(refused.value)


def test_a_data_key_of_another_length_is_not_wrapped() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKey(bytes(KEY_BYTES)).wrap("mira", b"short")
