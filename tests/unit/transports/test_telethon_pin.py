"""The private names of Telethon that the transport leans on, at the version that was read: change both together."""

# mypy: allow-untyped-calls

import inspect
import subprocess
import sys

import telethon
from telethon.client.updates import UpdateMethods
from telethon.network.mtprotosender import MTProtoSender
from telethon.network.requeststate import RequestState

from hanfleet.transports.telegram.client import FleetClient
from hanfleet.transports.telegram.session import SnapshotSession


def test_the_version_is_the_one_that_was_read() -> None:
    assert telethon.__version__ == "1.45.0"


def test_the_hooks_are_still_called() -> None:
    connect = inspect.getsource(telethon.TelegramClient.connect)
    assert "self._update_loop()" in connect
    assert "self._on_login(me)" in connect
    assert "self._message_box.load(" in connect
    assert "auth_key_callback=self._auth_key_callback" in inspect.getsource(telethon.TelegramClient.__init__)
    assert "auto_reconnect_callback=self._handle_auto_reconnect" in inspect.getsource(telethon.TelegramClient.__init__)
    assert inspect.iscoroutinefunction(UpdateMethods._update_loop)


async def test_the_innards_are_where_they_were() -> None:
    client = FleetClient(SnapshotSession(None, None), 1, "hash", request_timeout_s=1)
    assert isinstance(client._sender, MTProtoSender)
    assert client._sender._pending_state == {}
    assert not client._sender._send_queue._deque
    assert client._message_box.is_empty()
    assert client._updates_queue.empty()
    assert {"future", "msg_id"} <= set(RequestState.__slots__)
    assert client._sender._connection is client._sender._reconnect_task is None
    for name in ("_transport_connected", "_start_reconnect", "send", "disconnect"):
        assert callable(getattr(client._sender, name))


def test_a_reconnect_still_sends_what_is_pending() -> None:
    """The reason for taking requests back."""
    assert "self._send_queue.extend(self._pending_state.values())" in inspect.getsource(MTProtoSender._reconnect)


def test_importing_starts_no_thread_and_no_loop() -> None:
    """The zygote imports this room and then forks."""
    program = (
        "import asyncio, threading, hanfleet.transports.telegram.transport as t\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert asyncio._get_running_loop() is None\n"
        "assert asyncio.get_event_loop_policy()._local._loop is None\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
