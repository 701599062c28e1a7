"""What the processes of a fleet leave out of memory, and what it costs those who want it: nothing."""

import subprocess
import sys

import pytest

from hanfleet.kit.imports import hidden


@pytest.mark.parametrize("process", ["supervisor_main", "api_main", "zygote_main", "worker_main"])
def test_no_process_of_a_fleet_imports_terminals_or_object_mappers(process: str) -> None:
    ask = f"import sys, hanfleet.app.{process}; print([name for name in ('rich', 'typer', 'sqlalchemy.orm') if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"


def test_what_is_hidden_comes_back() -> None:
    import json

    with hidden("json"), pytest.raises(ImportError):
        import json.decoder
    assert sys.modules["json"] is json
    with hidden("no_such_module"):
        pass
    assert "no_such_module" not in sys.modules
