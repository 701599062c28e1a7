"""Why a sandbox cannot start, in sentences that name the argument to change.

The arguments are called as on the command line, so whoever starts a sandbox may print the sentence as it is.
"""

from typing import Any

SENTENCES = {
    "directory_in_use": "Another sandbox uses {directory}: stop it, or name another directory with --dir.",
    "directory_unusable": "The sandbox cannot keep its state in {directory} ({reason}): name another with --dir.",
    "port_unusable": "Telegram cannot be served on {host}:{port} ({reason}): choose another with --port or --host.",
    "control_port_unusable": (
        "The control interface cannot be served on {host}:{port} ({reason}): choose another port with --control-port."
    ),
    "no_next_port": "After port {port} comes no other for the control interface: choose one with --control-port.",
    "same_port": "Telegram and the control interface cannot share port {port}: choose another with --control-port.",
}


class StartRefusedError(Exception):
    """``kind`` is a key of SENTENCES, ``facts`` what its sentence speaks of. Nothing was started or is left open."""

    def __init__(self, kind: str, **facts: Any) -> None:
        super().__init__(SENTENCES[kind].format(**facts))
        self.kind = kind
        self.facts = facts
