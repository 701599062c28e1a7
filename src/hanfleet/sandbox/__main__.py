"""``python -m hanfleet.sandbox --dir D --port P [--control-port Q]``: the sandbox as a process of its own."""

import argparse
import asyncio
from pathlib import Path

from hanfleet.kit.logging import configure_logging
from hanfleet.sandbox.refusals import StartRefusedError
from hanfleet.sandbox.server import run_sandbox


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hanfleet.sandbox", description="The offline Telegram of Hanfleet.")
    parser.add_argument("--dir", type=Path, required=True, help="where state and sandbox.json live")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, required=True, help="port for Telegram clients")
    parser.add_argument("--control-port", type=int, default=0, help="port for control and model (default: port + 1)")
    parser.add_argument("--log-level", default="WARNING")
    arguments = parser.parse_args()
    configure_logging("sandbox", level=arguments.log_level)
    try:
        asyncio.run(run_sandbox(arguments.dir, arguments.host, arguments.port, arguments.control_port))
    except StartRefusedError as refused:
        parser.exit(2, f"{refused}\n")


if __name__ == "__main__":
    main()
