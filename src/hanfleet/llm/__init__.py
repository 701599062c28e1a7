"""The port to a language model, and the table of implementations.

A model answers one request and forgets it; what was said before comes with the request. It never decides what a
contact may read (persona does) and never waits longer than its configuration says.
"""

import random
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import SecretStr

from hanfleet.core.config import LlmApi, LlmConfig
from hanfleet.kit.clock import Clock
from hanfleet.kit.loading import load

Role = Literal["user", "assistant"]


@dataclass(frozen=True)
class Said:
    """One earlier message of the conversation."""

    role: Role
    text: str


@dataclass(frozen=True)
class ModelRequest:
    """One answer wanted: ``message`` is what it is for, ``history`` (oldest first) what was said before it.

    ``previous_response_id`` stands for ``history`` where the server remembers it; where it does not, or not any more,
    the implementation falls back to ``history`` by itself.
    """

    instructions: str
    history: tuple[Said, ...]
    message: str
    previous_response_id: str | None = None


@dataclass(frozen=True)
class Usage:
    """Tokens that were paid for."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class ModelAnswer:
    """``text`` is never empty. ``response_id`` continues the conversation where the server remembers it, else None.

    ``elapsed_s`` is the whole time from the call to the answer, tries and waits included.
    """

    text: str
    response_id: str | None
    usage: Usage
    elapsed_s: float


class Model(Protocol):
    """One bot's access to a model: its own key, connections and limit of simultaneous requests."""

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Ask, and ask again up to ``LlmConfig.attempts`` times where that can help.

        Raises ModelUnavailableError (busy, failed, timed out, unusable answers to the last try; ``retry_after`` where
        the server named a time) and ModelRefusedError (key, model name or request refused). Safe to cancel.
        """
        ...

    async def close(self) -> None:
        """Give connections back. Safe to repeat."""
        ...


#: API → implementation; called with (LlmConfig, SecretStr | None, Clock, Random).
MODELS = {
    LlmApi.RESPONSES: "hanfleet.llm.openai_model:make_responses_model",
    LlmApi.CHAT: "hanfleet.llm.openai_model:make_chat_model",
}


def make_model(config: LlmConfig, api_key: SecretStr | None, *, clock: Clock, chance: random.Random) -> Model:
    """The model of one bot; it connects when first asked. ``chance`` spreads repeated tries."""
    implementation: Any = load(MODELS[config.api])
    made: Model = implementation(config, api_key, clock, chance)
    return made


def warm_up() -> None:
    """Do once, before workers are forked, what every client would do for itself; starts no thread and no loop."""
    from hanfleet.llm.openai_model import warm_up as warm_up_client  # the vendor's library is big; ask late

    warm_up_client()


async def rehearse() -> None:
    """Do once in each worker, before its first message comes: asks nobody, and spares the first contact 20 ms."""
    from hanfleet.llm.openai_model import rehearse as rehearse_client  # the vendor's library is big; ask late

    await rehearse_client()
