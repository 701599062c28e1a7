"""IPCManager: what the rest of the house calls the bus."""

from collections.abc import Callable

from hanfleet.bus.codec import Seal
from hanfleet.bus.command_sender import send_command
from hanfleet.bus.connection import Bus
from hanfleet.bus.consumer import Consumer
from hanfleet.bus.forgetting import forget, rewrite_file
from hanfleet.bus.message_queue import MessageQueue
from hanfleet.bus.producer import Producer
from hanfleet.core.commands import Command, Response
from hanfleet.core.events import Category, Event


class IPCManager:
    """Commands to workers and events to whoever listens, over one Bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.producer = Producer(bus)

    async def send_command(
        self, bot_id: str, command: Command, *, timeout_s: float = 10.0, seal: Seal | None = None
    ) -> Response:
        """Ask the bot's worker and give its answer, which may be a refusal (``ok`` false).

        ``seal`` (the bot's cipher for the field "command") is needed for commands with secrets; without it they raise
        ValueError. Raises CommandTimeoutError when no answer came, BusUnavailableError when nothing could be asked.
        """
        return await send_command(self._bus, bot_id, command, timeout_s=timeout_s, seal=seal)

    async def forget(self, bot_id: str, is_meant: Callable[[int], bool] | None = None) -> int:
        """Delete what any stream tells of the bot's contact whose number ``is_meant`` knows (None: of the bot).

        Gives how many entries that was; when it returns, the server's file does not hold them either. Raises
        BusUnavailableError; then repeat it.
        """
        forgotten = await forget(self._bus, bot_id, is_meant)
        await rewrite_file(self._bus)
        return forgotten

    async def ping(self) -> None:
        """Return when the server answers. Raises BusUnavailableError."""
        await self._bus.ping()

    async def broadcast_event(self, event: Event) -> None:
        """Publish one event; for many, ``producer.publish`` takes one round trip. Raises BusUnavailableError."""
        await self.producer.publish([event])

    def setup_message_queue(self, bot_id: str, *, unseal: Seal) -> MessageQueue:
        """The worker's side of its commands. ``unseal`` opens the field "command" with the bot's cipher."""
        return MessageQueue(self._bus, bot_id, unseal)

    def consume(self, category: Category, group: str, consumer: str, *, retry_after_s: float = 60.0) -> Consumer:
        """One consumer of a group; see ``Consumer.deliveries``."""
        return Consumer(self._bus, category, group, consumer, retry_after_s=retry_after_s)
