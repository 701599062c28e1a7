import subprocess
import sys

_SCRIPT = """
import threading, asyncio
from hanfleet.llm import warm_up
warm_up()
assert threading.active_count() == 1, threading.enumerate()
try:
    asyncio.get_running_loop()
except RuntimeError:
    print("quiet")
"""


def test_warming_up_starts_no_thread_and_no_loop():
    done = subprocess.run([sys.executable, "-W", "error", "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "quiet", done.stderr
