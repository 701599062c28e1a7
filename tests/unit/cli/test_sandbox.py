import os
from pathlib import Path

import pytest

from hanfleet.cli.front import run
from hanfleet.sandbox.place import hold


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


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Error: Another sandbox uses {}: stop it, or name another directory with --dir."),
        ("ru", "Ошибка: Папку {} занимает другая песочница: остановите её или укажите другую папку через --dir."),
    ],
)
def test_a_start_that_cannot_be_is_bad_input_and_one_sentence(
    language: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HANFLEET_LANG", language)
    monkeypatch.setattr("hanfleet.kit.logging.configure_logging", lambda *_a, **_k: None)
    descriptor = hold(tmp_path)
    try:
        assert run(["sandbox", "serve", "--dir", str(tmp_path), "--port", "8600"]) == 2
    finally:
        os.close(descriptor)
    assert capsys.readouterr().err == sentence.format(tmp_path) + "\n"
    assert run(["sandbox", "serve", "--dir", str(tmp_path), "--port", "65535"]) == 2
    assert "--control-port" in capsys.readouterr().err
