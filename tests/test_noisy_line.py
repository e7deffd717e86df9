"""The bad line between real ends: what goes in comes out, noise is noise, and a cable that is gone is gone."""

import os
import select
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from noisy_line import noisy_line
from noisy_wire import Noise

from appliance.twin_port import twin_port

TEXT = bytes(range(1, 101))


@contextmanager
def opened(link: Path) -> Iterator[int]:
    handle = os.open(link, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(handle)
        yield handle
    finally:
        os.close(handle)


def read(handle: int, seconds: float = 2.0, count: int = len(TEXT)) -> bytes:
    """So many bytes, or what comes in time."""
    found, deadline = b"", time.monotonic() + seconds
    while len(found) < count and (left := deadline - time.monotonic()) > 0:
        if select.select([handle], [], [], left)[0]:
            found += os.read(handle, 4096)
    return found


@pytest.fixture
def board(tmp_path: Path) -> Iterator[int]:
    """The board's own end of its port."""
    with twin_port(tmp_path / "board.tty") as handle:
        yield handle


def test_a_good_line_carries_both_ways(board: int, tmp_path: Path) -> None:
    with noisy_line(tmp_path / "line.tty", tmp_path / "board.tty") as line, opened(line.link) as host:
        os.write(host, TEXT)
        assert read(board) == TEXT
        os.write(board, TEXT[::-1])
        assert read(host) == TEXT[::-1]


def test_a_bad_line_loses_bytes(board: int, tmp_path: Path) -> None:
    noise = Noise(loss=0.5)
    with noisy_line(tmp_path / "line.tty", tmp_path / "board.tty", noise) as line, opened(line.link) as host:
        os.write(host, TEXT)
        assert 10 < len(read(board, 0.5)) < 90


def test_a_line_that_is_cut_carries_nothing_and_then_again(board: int, tmp_path: Path) -> None:
    with noisy_line(tmp_path / "line.tty", tmp_path / "board.tty") as line, opened(line.link) as host:
        line.cut = True
        os.write(host, TEXT)
        assert read(board, 0.3) == b""
        line.cut = False
        os.write(host, TEXT)
        assert read(board) == TEXT


def test_a_cable_that_is_pulled_breaks_the_port_and_one_that_is_back_is_there_again(board: int, tmp_path: Path) -> None:
    with noisy_line(tmp_path / "line.tty", tmp_path / "board.tty") as line:
        with opened(line.link) as host:
            line.pull()
            assert not line.link.exists()
            with pytest.raises(OSError, match="Input/output error"):
                os.write(host, TEXT)
        line.plug()
        with opened(line.link) as host:
            os.write(host, TEXT)
            assert read(board) == TEXT
