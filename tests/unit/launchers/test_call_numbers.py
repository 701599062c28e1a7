"""The filter's tables against the kernel's own headers, where a machine has them."""

import re
from pathlib import Path

import pytest

from hanfleet.launchers.call_filter import FIRST_NEW, REFUSED, REFUSED_IF, REFUSED_UNLESS

_HEADERS = (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h"))
_DEFINITION = re.compile(r"#define __NR(?:3264)?_(\w+)\s+(\d+)")


@pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "aarch64"])
def test_numbers_are_those_of_the_kernel(column: int) -> None:
    header = _HEADERS[column]
    if not header.exists():
        pytest.skip(f"{header} is not installed")
    defined = {name: int(number) for name, number in _DEFINITION.findall(header.read_text())}
    ours = {name: numbers[column] for name, numbers in REFUSED.items()}
    ours |= {name: only.numbers[column] for name, only in {**REFUSED_UNLESS, **REFUSED_IF}.items()}
    assert ours == {name: defined.get(name) for name in ours}
    assert {name for name in ("pidfd_send_signal", "io_uring_setup", "clone3") if defined[name] < FIRST_NEW} == set()
