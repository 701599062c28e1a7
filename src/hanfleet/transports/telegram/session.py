"""A Telethon session that lives in memory only: filled from a SessionSnapshot, read back as one, never a file.

Telethon's own memory session searches all peers one by one and forgets what is new; this one finds a peer by its id
and remembers which peers have not been reported yet.
"""

# mypy: allow-untyped-calls

from collections.abc import Iterable
from typing import Any

from telethon.crypto.authkey import AuthKey
from telethon.sessions.memory import MemorySession
from telethon.tl import types
from telethon.utils import get_display_name

from hanfleet.core.messages import Entity, Person, SessionSnapshot, UpdateState
from hanfleet.core.startup import TelegramServer

USER_KIND = "user"


class SnapshotSession(MemorySession):
    """Load it before the client is made: Telethon reads the key in its constructor."""

    def __init__(self, snapshot: SessionSnapshot | None, server: TelegramServer | None) -> None:
        super().__init__()
        self._peers: dict[int, Entity] = {}
        self._unreported: dict[int, Entity] = {}
        self._seen: dict[int, bool] = {}
        if snapshot is not None:
            self._load(snapshot)
        if server is not None:
            # The server may have come back on another port; the key is what joins us to it.
            self.set_dc(server.dc_id, server.address, server.port)

    def _load(self, snapshot: SessionSnapshot) -> None:
        self.set_dc(snapshot.dc_id, snapshot.server_address, snapshot.port)
        if snapshot.auth_key:
            self._auth_key = AuthKey(snapshot.auth_key)
        self._peers = {entity.id: entity for entity in snapshot.entities}
        if snapshot.state is not None:
            state = snapshot.state
            self.set_update_state(0, types.updates.State(state.pts, state.qts, state.date, state.seq, unread_count=0))

    def snapshot(self, user_id: int | None, *, is_bot: bool, state: UpdateState | None) -> SessionSnapshot:
        """Everything that another process needs to go on. There must be a key."""
        return SessionSnapshot(
            dc_id=self.dc_id,
            server_address=self.server_address,
            port=self.port,
            auth_key=self.auth_key.key,
            telegram_user_id=user_id,
            is_bot=is_bot,
            state=state,
            entities=tuple(self._peers.values()),
        )

    def process_entities(self, tlo: Any) -> None:
        """Telethon's hook: whatever an answer tells of people is remembered."""
        if isinstance(tlo, list | tuple):
            self.meet(tlo)
        else:
            self.meet(getattr(tlo, "users", None) or ())
            self.meet([getattr(tlo, "user", None)])

    def meet(self, found: Iterable[Any]) -> None:
        """Remember the users in ``found`` whose access hash can be used.

        A `min` user's hash works nowhere (https://core.telegram.org/api/min).
        """
        for user in found:
            if not isinstance(user, types.User) or user.min or user.access_hash is None:
                continue
            self._seen[user.id] = bool(user.bot)
            entity = Entity(
                id=user.id,
                access_hash=user.access_hash,
                kind=USER_KIND,
                name=get_display_name(user),
                username=user.username,
                phone=user.phone,
            )
            if self._peers.get(user.id) != entity:
                self._peers[user.id] = self._unreported[user.id] = entity

    def take_unreported(self) -> tuple[Entity, ...]:
        """The peers that are new or changed since the last call."""
        taken = tuple(self._unreported.values())
        self._unreported.clear()
        return taken

    @property
    def has_unreported(self) -> bool:
        return bool(self._unreported)

    def input_peer(self, user_id: int) -> types.InputPeerUser | None:
        """How to address a known user; None for a stranger."""
        entity = self._peers.get(user_id)
        return types.InputPeerUser(user_id, entity.access_hash) if entity else None

    def person(self, user_id: int) -> Person | None:
        """A user whom this process has seen in full; a stored peer does not say whether it is a bot."""
        if user_id not in self._seen:
            return None
        entity = self._peers[user_id]
        return Person(user_id, name=entity.name, username=entity.username, is_bot=self._seen[user_id])

    def get_entity_rows_by_id(self, id: int, exact: bool = True) -> tuple[int, int] | None:  # noqa: A002, ARG002 - Telethon's names
        """Telethon's hook for addressing by id."""
        entity = self._peers.get(id)
        return (entity.id, entity.access_hash) if entity else None
