"""A bot's secrets and commands under its data key, which the master key opens."""

from functools import partial

from hanfleet.bus import Seal
from hanfleet.core.config import BotConfig
from hanfleet.core.errors import PermanentError
from hanfleet.store.session import Transaction
from hanfleet.vault import Cipher, MasterKey, new_data_key

#: The field under which a command that carries a secret is sealed.
COMMAND_FIELD = "command"


class BotSafe:
    """Seals and opens on behalf of operators."""

    def __init__(self, master_key: MasterKey) -> None:
        self._master_key = master_key

    async def make(self, tx: Transaction, config: BotConfig) -> None:
        """Give a new bot its data key and store its secrets."""
        data_key = new_data_key()
        await tx.secrets.put_key(config.bot_id, self._master_key.wrap(config.bot_id, data_key))
        await self._put(tx, config, Cipher(data_key))

    async def replace(self, tx: Transaction, config: BotConfig, stored: dict[str, str]) -> None:
        """Store what is new or changed of the secrets, drop what is no longer there."""
        await self._put(tx, config, await self._cipher(tx, config.bot_id), stored)
        for name in stored.keys() - config.secrets().keys():
            await tx.secrets.drop(config.bot_id, name)

    async def open(self, tx: Transaction, bot_id: str) -> dict[str, str]:
        """The bot's secrets by field name. Raises PermanentError when the master key is another."""
        cipher = await self._cipher(tx, bot_id)
        sealed = await tx.secrets.all(bot_id)
        return {name: cipher.open(bot_id, name, value).decode() for name, value in sealed.items()}

    async def command_seal(self, tx: Transaction, bot_id: str) -> Seal:
        """What seals commands to this bot."""
        return partial((await self._cipher(tx, bot_id)).seal, bot_id, COMMAND_FIELD)

    async def _put(
        self, tx: Transaction, config: BotConfig, cipher: Cipher, stored: dict[str, str] | None = None
    ) -> None:
        for name, value in config.secrets().items():
            if (stored or {}).get(name) != value:
                await tx.secrets.put(config.bot_id, name, cipher.seal(config.bot_id, name, value.encode()))

    async def _cipher(self, tx: Transaction, bot_id: str) -> Cipher:
        wrapped = await tx.secrets.get_key(bot_id)
        if wrapped is None:
            raise PermanentError(f"Bot {bot_id} has no data key: erase it and add it anew.")
        return Cipher(self._master_key.unwrap(bot_id, wrapped))
