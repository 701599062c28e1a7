"""The home: what lies where, who may read it, and that nothing of it is left in the end."""

import errno
import json
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from hanfleet.app import home as home_module
from hanfleet.app.folders import shared_base, write_private
from hanfleet.app.home import Home, default_path
from hanfleet.app.master_key import begin_file, find_keys, make_key, settle
from hanfleet.app.settings import Settings
from hanfleet.core.errors import ConflictError, InvalidInputError, PermanentError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The two folders of the system that homes of root share, moved out of the system's way."""
    state, sockets = tmp_path / "var", tmp_path / "run"
    monkeypatch.setattr(home_module, "STATE_BASE", state)
    monkeypatch.setattr(home_module, "SOCKET_BASE", sockets)
    return state, sockets


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_default_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_path({}) == Path("/home/ann/.local/share/hanfleet")
    assert default_path({"XDG_DATA_HOME": "/data"}) == Path("/data/hanfleet")
    assert default_path({"XDG_DATA_HOME": "relative"}) == Path("/home/ann/.local/share/hanfleet")


def test_a_new_home_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home = Home.open(tmp_path / "a" / "b", as_root=False)
        folders = [home.path.parent, home.path, home.logs, home.bot_logs, home.run, home.exits]
    finally:
        os.umask(before)
    assert [_mode(folder) for folder in folders] == [0o700] * 6
    assert home.bot_logs == home.path / "logs" / "bots"
    home.destroy()


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    Home.open(there, as_root=False)
    assert _mode(there) == 0o755


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match="not a folder"):
        Home.open(tmp_path / "file")
    with pytest.raises(PermanentError, match="choose another home with --home"):
        Home.open(tmp_path / "file" / "below")


def test_only_one_may_hold_it(tmp_path: Path) -> None:
    first, second = (Home.open(tmp_path / "home", as_root=False) for _ in range(2))
    taken = pytest.raises(ConflictError, match=rf"pid {os.getpid()}\) runs on .*--home\.$")
    with first.lock(), taken, second.lock():
        pass
    with second.lock():
        pass


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    made = home.secrets.get_or_make("api_token")
    assert len(made) >= 40
    assert home.secrets.get_or_make("api_token") == made
    assert Home.open(tmp_path / "home").secrets.get("api_token") == made
    assert home.secrets.get("another") is None
    assert _mode(home.path / "secrets.json") == 0o600


def test_secrets_asked_for_at_once_are_the_same(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(home.secrets.get_or_make("x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 1


def test_open_or_damaged_secrets_are_refused(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    home.secrets.get_or_make("x")
    file = home.path / "secrets.json"
    file.chmod(0o644)
    with pytest.raises(PermanentError, match="chmod 600"):
        home.secrets.get("x")
    file.chmod(0o600)
    file.write_text("[")
    with pytest.raises(PermanentError, match="damaged"):
        home.secrets.get("x")
    file.write_text(json.dumps(["not", "names"]))
    with pytest.raises(PermanentError, match="damaged"):
        home.secrets.get("x")


def test_the_master_key_is_made_once_and_private(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    found = find_keys(home, Settings())
    assert (found.current, found.upcoming) == (None, None)
    key = settle(home, found)
    assert len(key) == 32
    assert _mode(home.master_key) == 0o600
    again = find_keys(home, Settings())
    assert (again.current, settle(home, again)) == (key, key)


def test_the_master_key_of_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    settings = Settings(master_key=SecretStr("ab" * 32), new_master_key=SecretStr("cd" * 32))
    found = find_keys(home, settings)
    assert (found.current, found.upcoming, found.place) == (b"\xab" * 32, b"\xcd" * 32, "HANFLEET_MASTER_KEY")
    assert settle(home, found) == b"\xcd" * 32
    assert not home.master_key.exists()
    assert "cdcd" not in repr(found) + repr(settings)


def test_the_successor_takes_the_place_of_the_master_key(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    old = make_key(home)
    new = begin_file(home)
    assert begin_file(home) == new, "an earlier attempt's"
    found = find_keys(home, Settings())
    assert (found.current, found.upcoming) == (old, new)
    assert settle(home, found) == new
    assert find_keys(home, Settings()).current == new
    assert sorted(path.name for path in home.path.glob("master*")) == ["master.key"]
    assert _mode(home.master_key) == 0o600


def test_an_ordinary_user_has_everything_in_the_home() -> None:
    home = Home.temporary(as_root=False)
    try:
        assert home.account is None
        assert home.server_folder("postgres") == home.path / "servers" / "postgres"
        assert home.socket_folder("valkey") == home.path / "run" / "valkey"
        assert home.socket("zygote.sock").parent == home.run
    finally:
        home.destroy()
    assert not home.path.exists()


def test_a_deep_home_has_its_sockets_elsewhere_and_takes_them_along(tmp_path: Path) -> None:
    home = Home.open(tmp_path / ("d" * 70), as_root=False)
    sockets = home.socket_folder("postgres").parent
    try:
        assert sockets.parent == Path(f"/tmp/hanfleet-{os.geteuid()}")
        assert _mode(sockets) == _mode(sockets.parent) == 0o700
        assert len(str(home.socket_folder("postgres") / ".s.PGSQL.5432.lock")) < 100
    finally:
        home.destroy()
    assert not sockets.exists()


def test_a_socket_folder_that_others_can_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / "open"
    base.mkdir()
    base.chmod(0o755)
    monkeypatch.setattr(Home, "_temporary_sockets", base)
    with pytest.raises(PermanentError, match="open to other users"):
        _ = Home.open(tmp_path / ("d" * 70), as_root=False).run


def test_a_link_in_place_of_the_socket_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trap").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "trap")
    monkeypatch.setattr(Home, "_temporary_sockets", tmp_path / "link")
    with pytest.raises(PermanentError, match="is not a folder"):
        _ = Home.open(tmp_path / ("d" * 70), as_root=False).run


def test_a_socket_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", as_root=False)
    with pytest.raises(PermanentError, match="too long for a socket"):
        home.socket("x" * 90)
    home.destroy()


@needs_root
def test_root_keeps_the_servers_files_where_their_account_reaches_them(
    tmp_path: Path, bases: tuple[Path, Path]
) -> None:
    state, sockets = bases
    one, other = Home.open(tmp_path / "one"), Home.open(tmp_path / "other")
    assert one.account is not None
    data = one.server_folder("postgres")
    assert data == state / one.key / "postgres"
    assert (data.stat().st_uid, _mode(data)) == (one.account.uid, 0o700)
    assert _mode(state) == _mode(data.parent) == 0o711
    assert one.socket_folder("postgres") == sockets / one.key / "postgres"
    assert _mode(sockets / one.key) == 0o711
    assert one.run == sockets / one.key / "own"
    assert _mode(one.run) == 0o700
    other.server_folder("postgres")
    (state / "runtime" / "copy").mkdir(parents=True)

    one.destroy()
    assert not data.parent.exists()
    assert not (sockets / one.key).exists()
    assert (state / "runtime" / "copy").exists(), "another home still runs from it"
    other.destroy()
    assert not state.exists()
    assert not sockets.exists()


@needs_root
def test_data_keeps_the_account_that_owns_it(tmp_path: Path, bases: tuple[Path, Path]) -> None:
    home = Home.open(tmp_path / "home")
    os.chown(home.server_folder("postgres"), 65534, 65534)
    again = Home.open(tmp_path / "home")
    assert again.account is not None
    assert again.account.uid == 65534
    home.destroy()


def test_destroy_keeps_what_was_there_before(tmp_path: Path) -> None:
    (tmp_path / "letters").touch()
    home = Home.open(tmp_path, as_root=False)
    home.secrets.get_or_make("x")
    make_key(home)
    begin_file(home)
    _ = home.bot_logs, home.run
    home.destroy()
    assert [entry.name for entry in tmp_path.iterdir()] == ["letters"]


def test_destroy_twice_is_harmless(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", as_root=False)
    home.destroy()
    home.destroy()
    assert list(tmp_path.iterdir()) == []


def test_a_shared_base_removed_while_waited_for_is_made_anew(tmp_path: Path) -> None:
    base = tmp_path / "base"
    entered = threading.Event()

    def wait_for_it() -> None:
        with shared_base(base, 0o711):
            (base / "mine").touch()
            entered.set()

    with shared_base(base, 0o711):
        waiting = threading.Thread(target=wait_for_it)
        waiting.start()
        assert not entered.wait(0.05)
        base.rmdir()
    waiting.join()
    assert (base / "mine").exists()


@needs_root
def test_a_home_of_root_that_was_moved_finds_its_servers_again(tmp_path: Path, bases: tuple[Path, Path]) -> None:
    before = Home.open(tmp_path / "old")
    data = before.server_folder("postgres")
    (tmp_path / "old").rename(tmp_path / "new")
    for _ in range(2):
        after = Home.existing(tmp_path / "new")
        assert after.server_folder("postgres") == data
    anew = Home.open(tmp_path / "old")
    assert anew.server_folder("postgres") != data, "who comes after it at the old place has a place of its own"
    assert Home.open(tmp_path / "old").key == anew.key
    anew.destroy()
    after.destroy()
    assert [base.exists() for base in bases] == [False, False]


@needs_root
def test_a_copy_of_a_home_of_root_is_refused_while_the_original_is_there(
    tmp_path: Path, bases: tuple[Path, Path]
) -> None:
    original = Home.open(tmp_path / "one")
    data = original.server_folder("postgres")
    shutil.copytree(original.path, tmp_path / "two")
    with pytest.raises(ConflictError, match=r"two is a copy of .*one, which is still there"):
        Home.existing(tmp_path / "two")
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    assert Home.open(tmp_path / "elsewhere" / "one").server_folder("postgres") == data
    shutil.rmtree(original.path)
    heir, late = Home.open(tmp_path / "two"), Home.open(tmp_path / "two")
    shutil.copytree(heir.path, tmp_path / "three")
    third = Home.open(tmp_path / "three")
    assert heir.server_folder("postgres") == data
    assert late.server_folder("postgres") == data
    with pytest.raises(ConflictError, match=r"three is a copy of .*two"):
        _ = third.servers
    heir.destroy()


@needs_root
def test_a_home_of_root_whose_servers_did_not_come_along_is_refused(tmp_path: Path, bases: tuple[Path, Path]) -> None:
    state, _ = bases
    home = Home.open(tmp_path / "home")
    _ = home.servers
    shutil.rmtree(state)
    with pytest.raises(ConflictError, match=rf"has its database in {state / home.key}, which did not come along"):
        Home.open(tmp_path / "home")
    (tmp_path / "home" / "place").write_text("../../etc")
    with pytest.raises(PermanentError, match="place is damaged"):
        Home.open(tmp_path / "home")
    (tmp_path / "home" / "place").unlink()
    Home.open(tmp_path / "home").destroy()


@pytest.mark.parametrize("name", ["home.lock", "secrets.json"])
def test_a_file_that_is_not_ours_to_use_is_a_sentence(name: str, tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", as_root=False)
    (home.path / name).mkdir()
    with pytest.raises(PermanentError, match=rf"{name} cannot be used \(Is a directory\): mend that"), home.lock():
        home.secrets.get_or_make("x")


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EACCES, InvalidInputError), (errno.EROFS, InvalidInputError), (errno.ENOSPC, PermanentError)],
)
def test_what_cannot_be_written_is_a_sentence(
    number: int, kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(PermanentError, match=rf"file cannot be used \({os.strerror(number)}\)") as refused:
        write_private(tmp_path / "file", "text")
    assert refused.type is kind
    assert list(tmp_path.iterdir()) == []
