"""Why a worker ended, as a word and as a process exit status: the supervisor restarts only what a restart can heal."""

from enum import StrEnum


class FailureKind(StrEnum):
    """The classes of failure of one bot."""

    TRANSIENT = "transient"  # the network, the database, an unknown passing fault
    FLOOD = "flood"  # Telegram asks to wait longer than the worker may sleep
    REAUTH = "reauth"  # the session was revoked or never made: a person logs in
    FROZEN = "frozen"  # Telegram froze the account
    BANNED = "banned"  # Telegram deactivated or banned the account
    CONFIG = "config"  # the configuration cannot work
    FENCED = "fenced"  # another worker holds the lease
    BUG = "bug"  # our own error

    @property
    def restart_helps(self) -> bool:
        """True where a fresh process may do better without a person."""
        return self in _RESTARTABLE

    def next_step(self, bot_id: str) -> str:
        """What a person does now, as a sentence."""
        return _NEXT_STEP[self].format(bot_id=bot_id)

    @property
    def exit_status(self) -> int:
        """The exit status by which a worker tells its failure to whoever reaps it."""
        return _EXIT_STATUS[self]


_RESTARTABLE = frozenset({FailureKind.TRANSIENT, FailureKind.BUG, FailureKind.FENCED})
_NEXT_STEP = {
    FailureKind.TRANSIENT: "It is started again by itself.",
    FailureKind.FLOOD: "Telegram asks to slow down: wait some hours, then hanfleet bots start {bot_id}.",
    FailureKind.REAUTH: "Telegram has ended the session: log in again with hanfleet bots login {bot_id}.",
    FailureKind.FROZEN: "Telegram froze the account: appeal in a Telegram app, then hanfleet bots start {bot_id}.",
    FailureKind.BANNED: "Telegram banned the account: give the bot another one.",
    FailureKind.CONFIG: "Read hanfleet bots logs {bot_id}, mend it with hanfleet bots configure, then start the bot.",
    FailureKind.FENCED: "Another worker holds its lease; it is started again by itself.",
    FailureKind.BUG: "It is started again, ever more rarely; please report what hanfleet bots logs {bot_id} shows.",
}
_EXIT_STATUS = {kind: 80 + index for index, kind in enumerate(FailureKind)}
_BY_STATUS = {status: kind for kind, status in _EXIT_STATUS.items()}

CLEAN_EXIT = 0


def failure_of_exit(status: int) -> FailureKind | None:
    """The failure behind an exit status (negative: the signal that killed it); None for a clean exit.

    A signal is transient: whatever sent it, a fresh worker picks up where the rows stand.
    """
    if status == CLEAN_EXIT:
        return None
    if status < 0:
        return FailureKind.TRANSIENT
    return _BY_STATUS.get(status, FailureKind.BUG)
