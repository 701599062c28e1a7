"""Whose processes the embedded servers are.

PostgreSQL refuses to run as root, so as root both servers run as an existing system account that owns nothing and
runs nothing else. We refuse to create accounts: a machine's list of users is its administrator's. An administrator
who wants a name of our own makes a user `hanfleet`, and it is taken first.
"""

import pwd
from dataclasses import dataclass
from pathlib import Path

from hanfleet.core.errors import PermanentError

# `nobody` comes last: network file systems and other daemons share it, and it may own files that are not ours.
_CANDIDATES = ("hanfleet", "games", "news", "uucp", "nobody")


@dataclass(frozen=True)
class Account:
    """A line of the passwd file that servers can run as."""

    name: str
    uid: int
    gid: int


def servers_account(data: Path) -> Account:
    """As root: the account for servers with their data in ``data``.

    Whoever owns data that exists already keeps it. Raises PermanentError when the machine has none of the accounts.
    """
    owner = _owner(data)
    if owner is not None:
        return owner
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise PermanentError(
        "PostgreSQL refuses to run as root and this machine has no account to run it as: "
        "create a system user named hanfleet, or start hanfleet as an ordinary user."
    )


def _owner(data: Path) -> Account | None:
    try:
        uid = data.stat().st_uid
        entry = pwd.getpwuid(uid)
    except (FileNotFoundError, KeyError):
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid) if uid else None
