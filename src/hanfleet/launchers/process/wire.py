"""What the launcher and the zygote say to each other: one JSON line each way, one connection for each request.

A spawn request comes with one descriptor (SCM_RIGHTS): the read end of a pipe with the worker's start-up payload. The
zygote passes it on to the child unread, so no secret is ever in its memory.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from hanfleet.core.startup import WorkerLimits

MAX_LINE = 1024 * 1024
#: A pipe holds this much without a reader (pipe(7)); the start-up must fit, for whoever writes it must not wait.
PIPE_BYTES = 64 * 1024


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_line(self) -> bytes:
        return self.model_dump_json().encode() + b"\n"


class Spawn(_Line):
    op: Literal["spawn"] = "spawn"
    bot_id: str
    log_path: Path
    limits: WorkerLimits


class List(_Line):
    op: Literal["list"] = "list"


Request = Annotated[Spawn | List, Field(discriminator="op")]
REQUEST: TypeAdapter[Spawn | List] = TypeAdapter(Request)


class Born(_Line):
    """A child of the zygote, by its pid and start time (see core.process.ProcessRef)."""

    bot_id: str
    pid: int
    start_time: int


class Answer(_Line):
    """``error`` is a sentence when the request was refused; else ``workers``: the one born, or all that live."""

    workers: tuple[Born, ...] = ()
    error: str | None = None
