"""The core is compiled once into a cache, and a computer that cannot says what to install."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.errors import LinkError
from appliance.twin_core import build_core


def test_it_is_compiled_once_and_nothing_else_is_left(tmp_path: Path) -> None:
    first = build_core(tmp_path / "cache")
    made = first.stat().st_mtime_ns

    assert build_core(tmp_path / "cache") == first
    assert first.stat().st_mtime_ns == made
    assert list((tmp_path / "cache").iterdir()) == [first]


def test_without_a_compiler_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")

    with pytest.raises(LinkError, match="no C compiler `no-such-compiler`.*apt install gcc"):
        build_core(tmp_path)


def test_a_compiler_that_refuses_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")

    with pytest.raises(LinkError, match="compiling the SIMULATED board"):
        build_core(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LinkError, match="XDG_CACHE_HOME"):
        build_core(tmp_path / "file" / "below")


def test_functions_of_the_same_name_elsewhere_in_the_program_are_not_taken() -> None:
    """zlib's crc32, loaded for everybody: as in a Python that is linked to it."""
    program = """
import ctypes
ctypes.CDLL("libz.so.1", ctypes.RTLD_GLOBAL)
from appliance.sorter.frames import Hello
from appliance.sorter.wire import line_of
from appliance.twin_board import TwinBoard
with TwinBoard() as board:
    board.feed(line_of(Hello(1, 0, 7)), 1)
    print(len(board.take()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 40
