"""The OpenAI-compatible stand-in of the sandbox: personas can be rehearsed, and bots tested, without a model or a bill.

It answers deterministically and repeats the nonces of what it answers. It refuses to be clever: no streaming, no tools.
"""

from hanfleet.sandbox.llm.pace import Latency
from hanfleet.sandbox.llm.server import LlmServer, create_llm

__all__ = ["Latency", "LlmServer", "create_llm"]
