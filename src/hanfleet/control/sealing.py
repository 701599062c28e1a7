"""A bot's secrets and commands under its data keys, which the master key opens."""

from collections.abc import Collection
from functools import partial
from typing import Any

from hanfleet.bus import Seal
from hanfleet.core.config import BotConfig
from hanfleet.core.errors import ConflictError, PermanentError
from hanfleet.store.records import Open
from hanfleet.store.session import Transaction
from hanfleet.store.texts import Texts
from hanfleet.vault import KeyRing, MasterKey, new_data_key

#: The field under which a command that carries a secret is sealed.
COMMAND_FIELD = "command"


class BotSafe:
    """Seals and opens on behalf of operators."""

    def __init__(self, master_key: MasterKey) -> None:
        self._master_key = master_key

    async def make(self, tx: Transaction, config: BotConfig) -> None:
        """Give a new bot its data key and store its secrets."""
        await self._put(tx, config, await first_ring(tx, self._master_key, config.bot_id))

    async def replace(self, tx: Transaction, config: BotConfig, stored: dict[str, str]) -> None:
        """Store what is new or changed of the secrets, drop what is no longer there."""
        await self._put(tx, config, await self._ring(tx, config.bot_id), stored)
        for name in stored.keys() - config.secrets().keys():
            await tx.secrets.drop(config.bot_id, name)

    async def open(self, tx: Transaction, bot_id: str, renewed: Collection[str]) -> dict[str, str]:
        """The bot's secrets by field name; "" for one of ``renewed`` that does not open, for it is set anew just now.

        Raises PermanentError when the master key is another, or when one that is to stay does not open.
        """
        ring = await self._ring(tx, bot_id)
        opened = {}
        for name, value in (await tx.secrets.all(bot_id)).items():
            try:
                opened[name] = ring.open(name, value).decode()
            except PermanentError:
                if name not in renewed:
                    raise
                opened[name] = ""
        return opened

    async def command_seal(self, tx: Transaction, bot_id: str) -> Seal:
        """What seals commands to this bot."""
        return partial((await self._ring(tx, bot_id)).seal, COMMAND_FIELD)

    async def use_texts(self, tx: Transaction, bot_id: str) -> None:
        """Let ``tx`` read and keep this bot's texts as the bot itself does."""
        row = await tx.bots.get(bot_id)
        use_texts(tx, await self._ring(tx, bot_id), row.config if row else {})

    async def opener(self, tx: Transaction, bot_id: str) -> Open:
        """What opens anything that was sealed for this bot."""
        return (await self._ring(tx, bot_id)).open

    async def _put(
        self, tx: Transaction, config: BotConfig, ring: KeyRing, stored: dict[str, str] | None = None
    ) -> None:
        for name, value in config.secrets().items():
            if (stored or {}).get(name) != value:
                await tx.secrets.put(config.bot_id, name, ring.seal(name, value.encode()))

    async def _ring(self, tx: Transaction, bot_id: str) -> KeyRing:
        ring = await ring_of(tx, self._master_key, bot_id)
        if ring is None:
            raise PermanentError(f"Bot {bot_id} has no data key: erase it and add it anew.")
        return ring


async def ring_of(tx: Transaction, master_key: MasterKey, bot_id: str) -> KeyRing | None:
    """The bot's keys, which stay until the transaction ends; None: it has none.

    Raises PermanentError when the master key is another.
    """
    keys = await tx.keys.read(bot_id)
    return KeyRing(bot_id, {key.number: master_key.unwrap(bot_id, key.wrapped) for key in keys}) if keys else None


def use_texts(tx: Transaction, ring: KeyRing, config: dict[str, Any]) -> None:
    """Let ``tx`` read and keep texts as the bot of these keys and this stored configuration does."""
    tx.use_texts(Texts(ring.seal, ring.open, sealing=seals_texts(config)))


def seals_texts(config: dict[str, Any]) -> bool:
    """Whether a bot with this stored configuration keeps texts sealed."""
    return bool(config.get("data_isolation", {}).get("encrypt_messages"))


async def first_ring(tx: Transaction, master_key: MasterKey, bot_id: str) -> KeyRing:
    """Give a bot that has no key its first one.

    Raises ConflictError when the other bots' keys are wrapped by another master key: nothing would open this one.
    """
    data_key = new_data_key()
    number = await tx.keys.add(bot_id, master_key.wrap(bot_id, data_key))
    if any(master_key.is_stranger_to(key.wrapped) for key in await tx.keys.all()):
        raise ConflictError("The master key was replaced meanwhile: start the fleet anew, then try again.")
    return KeyRing(bot_id, {number: data_key})
