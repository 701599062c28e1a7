"""Fixtures for every room: the run's servers, and the check that no test leaves a process behind."""

import os
import resource
import time
from collections.abc import Generator, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

from tests.support.servers import keepers, shared_server

# How quickly examples are made says something of the machine's neighbours, not of the code.
settings.register_profile("shared machine", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

# A test that takes more fails by MemoryError and says where; without a bound the kernel ends it, and xdist waits for ever.
resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, resource.getrlimit(resource.RLIMIT_DATA)[1]))

_ACCEPTANCE = Path(__file__).parent / "acceptance"
_RUN_WHEN_IMPORTED = (".__main__", ".migrations.env")
#: Of these no test may import some: they count only where a test does so while it runs.
_MAYBE_UNTESTED = ("_main", ".bare_echo", ".pinger")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """Measure what importing the product covers, and not the collecting: the tracer would make it longer."""
    measured = Coverage.current()
    if measured is None:
        return (yield)
    import hanfleet

    for module in walk_packages(hanfleet.__path__, "hanfleet."):
        if not (module.name.startswith("hanfleet.cli.") or module.name.endswith(_RUN_WHEN_IMPORTED + _MAYBE_UNTESTED)):
            import_module(module.name)
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Plain tests show what is covered. Properties go the same ways hundreds of times, and acceptance tests look at
    processes that nobody measures: the tracer would only make them longer.
    """
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False) or _ACCEPTANCE in item.path.parents:
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """How the bootstrap role, a superuser, logs in to the run's PostgreSQL; make databases and roles of your own."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with shared_server("postgres", folder / "postgres") as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """How the administrator logs in to a Valkey that only one test uses at a time; leave nothing in it."""
    with shared_server("valkey", tmp_path_factory.getbasetemp() / "valkey") as url:
        yield url


@pytest.fixture(autouse=True)
def _no_process_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    before = _children()
    yield
    left = _children() - before - keepers
    deadline = time.monotonic() + 1
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = _children() - before - keepers
    if left:
        pytest.fail(f"{request.node.nodeid} left processes behind: {', '.join(map(_describe, sorted(left)))}")


def _children() -> set[int]:
    """The children of all threads of this process. A thread that ends meanwhile gives its children to another."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        try:
            found.update(map(int, (thread / "children").read_text().split()))
        except FileNotFoundError:
            continue
    return found


def _describe(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except FileNotFoundError:
        return f"{pid} (gone by now)"
    return f"{pid} ({argv.strip() or stat})"
