"""The twin is unmistakable, keeps its own log, and misbehaves only when told to."""

import os
import select
import time
import tty
from pathlib import Path

import pytest
from support import TwinControl, appliance

from appliance.twin import read_log


def talk(twin: TwinControl, sent: bytes, seconds: float = 0.5) -> list[str]:
    """Write to the twin's port and read until it is quiet."""
    handle = os.open(twin.link, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(handle)
        os.write(handle, sent)
        heard = b""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([handle], [], [], left)[0]:
                heard += os.read(handle, 4096)
        return heard.decode("ascii", errors="replace").splitlines()
    finally:
        os.close(handle)


def test_every_reply_says_simulated(twin: TwinControl) -> None:
    twin.start("--delay", "0", "--refuse", "0.5", "--jam-after", "5")
    said = talk(twin, b"HELLO\n" + b"".join(b"SORT 1 %d\n" % seq for seq in range(1, 21)) + b"SORT x\nSTOP\n")

    assert len(said) == 23
    assert all("SIMULATED" in line for line in said)


def test_the_log_has_every_command_once(twin: TwinControl) -> None:
    twin.start("--delay", "0")
    talk(twin, b"HELLO\nSORT 2 7\nSORT 3\nSORT 99 8\nNONSENSE\n")

    assert [(row["session"], row["seq"], row["channel"], row["result"]) for row in read_log(twin.log)] == [
        (1, 7, 2, "moved"),
        (1, None, 3, "moved"),
        (1, None, None, "malformed"),
        (1, None, None, "malformed"),
    ]


def test_a_line_that_does_not_end_is_malformed_and_its_rest_is_no_command(twin: TwinControl) -> None:
    twin.start("--delay", "0")
    said = [talk(twin, sent, 0.2) for sent in (b"\0x\1" * 100, b"\0x\1" * 100, b"SORT 1 1\nSORT 1 2\n")]

    assert said == [["ERR malformed SIMULATED"], ["ERR malformed SIMULATED"], ["OK 2 SIMULATED"]]
    assert [(row["seq"], row["result"]) for row in read_log(twin.log)] == [
        (None, "malformed"),
        (None, "malformed"),
        (2, "moved"),
    ]


def test_silence_moves_but_does_not_answer(twin: TwinControl) -> None:
    twin.start("--delay", "0", "--silent", "1")

    assert talk(twin, b"SORT 1 1\n") == []
    assert [row["result"] for row in read_log(twin.log)] == ["silent"]


def test_a_jam_stays(twin: TwinControl) -> None:
    twin.start("--delay", "0", "--jam-after", "2")
    talk(twin, b"SORT 1 1\nSORT 1 2\nSORT 1 3\nSORT 1 4\n")

    assert [row["result"] for row in read_log(twin.log)] == ["moved", "moved", "jammed", "jammed"]


def test_an_endless_line_does_not_grow_it(twin: TwinControl) -> None:
    twin.start("--delay", "0")
    talk(twin, b"x" * 3000, 0.3)

    assert talk(twin, b"\nHELLO\n")[-1].startswith("READY SIMULATED")


def test_it_replaces_a_stale_link_but_no_file(twin: TwinControl, tmp_path: Path) -> None:
    twin.link.symlink_to("/dev/pts/does-not-exist")
    twin.start()
    (tmp_path / "a-file").write_text("precious")
    done = appliance("twin", "--link", str(tmp_path / "a-file"), "--log", str(tmp_path / "log"))

    assert (done.returncode, (tmp_path / "a-file").read_text()) == (11, "precious")


@pytest.mark.parametrize("option", [("--refuse", "2"), ("--delay", "-1"), ("--noise", "x")])
def test_shares_and_delays_are_checked(option: tuple[str, str], tmp_path: Path) -> None:
    done = appliance("twin", "--link", str(tmp_path / "l"), "--log", str(tmp_path / "log"), *option)

    assert done.returncode == 2


def test_a_second_twin_of_that_name_is_refused_and_the_first_keeps_its_link_and_log(twin: TwinControl) -> None:
    twin.start("--delay", "0")
    talk(twin, b"SORT 1 1\n")
    pointed_at = twin.link.readlink()
    second = appliance("twin", "--link", str(twin.link), "--log", str(twin.log), "--fresh")

    assert (second.returncode, twin.link.readlink()) == (11, pointed_at)
    assert "another twin is there already" in second.stderr
    assert len(read_log(twin.log)) == 1


def test_opening_resets_only_a_framed_board(twin: TwinControl) -> None:
    done = appliance("twin", "--link", str(twin.link), "--log", str(twin.log), "--reset-on-open")

    assert done.returncode == 2
    assert "add --protocol framed" in done.stderr


def test_a_framed_twin_ends_at_sigterm_and_takes_its_link_with_it(twin: TwinControl) -> None:
    twin.start("--protocol", "framed", "--reset-on-open")
    assert twin._process is not None
    twin._process.terminate()

    assert twin._process.wait(10) == 0
    assert not twin.link.is_symlink()
