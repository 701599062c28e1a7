"""Who asks the database. Every transaction is opened as one of these; there is no other way in.

For bots nothing here is trusted: their policies look at the login role alone. Operators and the system's own
processes are named in the transaction-local setting ``hanfleet.principal``, which only the API's policies read: it
guards against the API's bugs, not against its capture.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class BotPrincipal:
    """A worker, logged in as its bot's own role."""

    bot_id: str

    @property
    def setting(self) -> str:
        """Empty: no policy for bots trusts a setting."""
        return ""

    @property
    def source(self) -> str:
        """What the events of this principal name as their source."""
        return "worker"


@dataclass(frozen=True)
class OperatorPrincipal:
    """A person, acting through the API."""

    name: str

    @property
    def setting(self) -> str:
        return f"operator:{self.name}"

    @property
    def source(self) -> str:
        return "control"


@dataclass(frozen=True)
class SystemPrincipal:
    """One of the fleet's own processes: supervisor, api, app."""

    process: str

    @property
    def setting(self) -> str:
        return f"system:{self.process}"

    @property
    def source(self) -> str:
        return self.process


Principal = BotPrincipal | OperatorPrincipal | SystemPrincipal
