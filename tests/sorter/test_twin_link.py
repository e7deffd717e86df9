"""The name that a dead twin left behind is not opened, whoever has its pseudo-terminal now."""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import TwinControl, wait_for

from appliance.errors import LinkError
from appliance.sorter.serial_port import SerialPort


@contextmanager
def somebody_else(link: Path) -> Iterator[int]:
    """Another program's end of the pseudo-terminal that the link leads to: the kernel gives the lowest free number."""
    pairs = [os.openpty()]
    while os.ttyname(pairs[-1][1]) != os.readlink(link) and len(pairs) < 20:
        pairs.append(os.openpty())
    try:
        if os.ttyname(pairs[-1][1]) != os.readlink(link):
            pytest.skip("another program of this computer has it already")
        yield pairs[-1][0]
    finally:
        for handle in (one for pair in pairs for one in pair):
            os.close(handle)


def is_silent(master: int) -> bool:
    return select.select([master], [], [], 0.2)[0] == []


@pytest.mark.parametrize("protocol", ["line", "framed"])
def test_a_killed_twins_link_is_not_opened_although_somebody_has_its_terminal(twin: TwinControl, protocol: str) -> None:
    twin.start("--protocol", protocol)
    twin.pull()
    with somebody_else(twin.link) as master:
        with pytest.raises(LinkError, match="its twin is dead.*appliance twin --link"):
            SerialPort(str(twin.link), 115_200)
        assert is_silent(master)


def test_a_twin_that_starts_again_takes_its_name_back(twin: TwinControl) -> None:
    twin.start()
    twin.pull()
    left_behind = os.readlink(twin.link)
    with somebody_else(twin.link):
        twin.start()
        wait_for(lambda: os.readlink(twin.link) != left_behind)
        SerialPort(str(twin.link), 115_200).close()


def test_a_name_that_a_twin_gave_back_may_be_somebody_elses(twin: TwinControl) -> None:
    twin.start()
    assert twin._process is not None
    twin._process.terminate()
    assert twin._process.wait(5) == 0
    master, slave = os.openpty()
    twin.link.symlink_to(os.ttyname(slave))
    try:
        SerialPort(str(twin.link), 115_200).close()
    finally:
        os.close(master)
        os.close(slave)
