"""Simulated contacts: scripted people who chat through real Telethon clients, and the judge of what they saw.

They exist in the sandbox only. Nothing here can be pointed at the real Telegram: accounts are made through the
sandbox's control interface, which the real one does not have.
"""

from hanfleet.sandbox.contacts.cast import CAST, cast_for
from hanfleet.sandbox.contacts.crowd import Crowd, Meeting
from hanfleet.sandbox.contacts.judge import BotVerdict, TimedAnswer, Verdict, judge, percentile
from hanfleet.sandbox.contacts.ledger import Ledger, ReceivedReply, SentMessage
from hanfleet.sandbox.contacts.pacing import BRISK, DEMO, Pacing
from hanfleet.sandbox.contacts.persons import Person, Temper
from hanfleet.sandbox.contacts.simulator import ContactSimulator, SaidLine
from hanfleet.sandbox.llm.nonces import NonceMint

__all__ = [
    "BRISK",
    "CAST",
    "DEMO",
    "BotVerdict",
    "ContactSimulator",
    "Crowd",
    "Ledger",
    "Meeting",
    "NonceMint",
    "Pacing",
    "Person",
    "ReceivedReply",
    "SaidLine",
    "SentMessage",
    "Temper",
    "TimedAnswer",
    "Verdict",
    "cast_for",
    "judge",
    "percentile",
]
