"""Redis Streams (Redis ≥ 7 or Valkey ≥ 8): events to whoever listens, commands to workers and their answers.

The only door to redis-py. Nothing on the road of a message depends on this room: events are rows first, and what must
survive is desired state in the database. Refuses to be trusted with secrets in clear.
"""

from hanfleet.bus.bot_use import BotClient, BotUse, BotUses, StreamUse
from hanfleet.bus.codec import Seal
from hanfleet.bus.connection import Bus, open_bus
from hanfleet.bus.consumer import Consumer, Delivery
from hanfleet.bus.dead_letters import DeadLetter, DeadLetters
from hanfleet.bus.ipc import IPCManager
from hanfleet.bus.message_queue import MessageQueue, Received
from hanfleet.bus.producer import Producer
from hanfleet.bus.provisioner import BusProvisioner

__all__ = [
    "BotClient",
    "BotUse",
    "BotUses",
    "Bus",
    "BusProvisioner",
    "Consumer",
    "DeadLetter",
    "DeadLetters",
    "Delivery",
    "IPCManager",
    "MessageQueue",
    "Producer",
    "Received",
    "Seal",
    "StreamUse",
    "open_bus",
]
