from pathlib import Path

import pytest

from hanfleet.cli.front import run


def test_the_sandbox_is_served_where_it_was_told_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served = []

    async def run_sandbox(directory: Path, host: str, port: int, control_port: int) -> None:
        served.append((directory, host, port, control_port))

    monkeypatch.setattr("hanfleet.sandbox.server.run_sandbox", run_sandbox)
    monkeypatch.setattr("hanfleet.kit.logging.configure_logging", lambda *_a, **_k: None)
    assert run(["sandbox", "serve", "--dir", str(tmp_path), "--port", "8600"]) == 0
    assert run(["sandbox", "serve", "--dir", str(tmp_path), "--port", "8600", "--control-port", "8700"]) == 0
    assert served == [(tmp_path, "127.0.0.1", 8600, 0), (tmp_path, "127.0.0.1", 8600, 8700)]
    assert run(["sandbox", "serve", "--port", "8600"]) == 2
    assert run(["sandbox", "serve", "--dir", str(tmp_path), "--port", "70000"]) == 2
