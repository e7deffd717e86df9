"""The framed link on the real firmware in the emulated board: a bad line, round trips, dead hosts, a pulled cable.

Prints what it measured. LINK_BOARD_ITEMS and LINK_BOARD_TIMES make it shorter.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from link_items import MOVE_MS, items_over, sorter_on
from link_trials import noise_of
from noisy_line import NoisyLine, noisy_line
from real.conftest import EmulatedBoard
from real.conftest import emulated as emulated
from real.conftest import firmware as firmware
from real.test_board import line
from support import ROOT, wait_for

from appliance.records import Ack, AckStatus, LinkEvent, SortCommand
from appliance.sorter.framed import FramedSorter

Emulated = Callable[..., EmulatedBoard]

ITEMS = int(os.environ.get("LINK_BOARD_ITEMS", "10000"))
TIMES = int(os.environ.get("LINK_BOARD_TIMES", "20"))
SAFE_MS = 600.0
KNOWN_MS = 1000.0
BOOTED_MS = 1500.0


def told(name: str, values: list[float]) -> None:
    p50, p99 = np.percentile(values, (50, 99))
    print(f"{name:>44}: n {len(values)}, p50 {p50:.1f}, p99 {p99:.1f}, max {max(values):.1f} ms", flush=True)


def test_items_over_a_line_that_loses_one_byte_in_two_hundred(emulated: Emulated, tmp_path: Path) -> None:
    board = emulated(f"MOVE_MS={MOVE_MS}")
    board.start()
    run = items_over(board, noise_of("loss", 0.005), ITEMS, tmp_path / "noisy.tty")
    print(f"\n{run}", flush=True)

    assert run.without_one_outcome == 0
    assert (run.unexplained, run.without_movement) == (0, 0)
    assert run.moved >= 0.999 * ITEMS


def test_round_trip_of_a_command(emulated: Emulated) -> None:
    board = emulated(f"MOVE_MS={MOVE_MS}")
    board.start()
    with line(board) as host:
        host.shake_hands()
        echoes = []
        for _ in range(10 * TIMES):
            began = time.monotonic()
            host.beat()
            echoes.append((time.monotonic() - began) * 1e3)
    sorter, taken = sorter_on(board.link), []
    try:
        for seq in range(1, 10 * TIMES + 1):
            wait_for(lambda: not sorter.events(0.01) and sorter.ready)
            began_ns = time.monotonic_ns()
            sorter.submit(SortCommand(seq, "bin", seq % 6, began_ns, began_ns + 10**9))
            [ack] = [one for one in wait_for_ack(sorter) if one.seq == seq]
            assert ack.status is AckStatus.DONE
            taken.append((ack.done_at_ns - began_ns) / 1e6 - MOVE_MS)
    finally:
        sorter.close()
    print()
    told("BEAT to PULSE, a host of a few lines", echoes)
    told(f"command to done, without the {MOVE_MS} ms", taken)

    assert np.median(taken) < 50


def wait_for_ack(sorter: FramedSorter) -> list[Ack]:
    found: list[Ack] = []
    wait_for(lambda: bool(found.extend(one for one in sorter.events(0.05) if isinstance(one, Ack)) or found))
    return found


def kill(process: "subprocess.Popen[str]") -> int:
    process.kill()
    return time.monotonic_ns()


def freeze(process: "subprocess.Popen[str]") -> int:
    process.send_signal(signal.SIGSTOP)
    return time.monotonic_ns()


HANGS: dict[str, tuple[list[str], Callable[["subprocess.Popen[str]"], int] | None]] = {
    "killed": ([], kill),
    "stopped": ([], freeze),
    "asleep in the loop": (["hang"], None),
}


@pytest.mark.parametrize("kind", HANGS)
def test_a_dead_host_leaves_no_arm_out(emulated: Emulated, kind: str) -> None:
    board = emulated("HOLD_MS=5000")
    board.start()
    taken = [time_to_rest(board, kind) for _ in range(TIMES)]
    print()
    told(f"host {kind} to outputs at rest (board's time)", taken)

    assert max(taken) <= SAFE_MS


def time_to_rest(board: EmulatedBoard, kind: str) -> float:
    """Milliseconds from the host's end to the pulse that says rest, in the board's time."""
    words, end = HANGS[kind]
    before = len(board.told("moved"))
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    command = [sys.executable, "-m", "link_host", str(board.link), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}) as host:
        try:
            assert host.stdout is not None
            hung_ns = int(host.stdout.readline())
            ended_ns = hung_ns if end is None else end(host)
            rest = board.wait_told("moved", before + 1)[-1]
        finally:
            host.kill()
    out_us = rest["out_us"]
    ended_us = rest["t_us"] - (rest["t_ns"] - ended_ns) / 1e3
    assert out_us < ended_us, "the arm was not out yet"
    return (rest["t_us"] - ended_us) / 1e3


@pytest.mark.parametrize("how", ["pulled", "cut"])
def test_a_cable_that_is_gone_is_known_and_one_that_is_back_works(emulated: Emulated, tmp_path: Path, how: str) -> None:
    board = emulated()
    board.start("--reset-on-open")
    known, back = [], []
    with noisy_line(tmp_path / "cable.tty", board.link) as cable:
        sorter = sorter_on(cable.link)
        try:
            for _ in range(TIMES // 2):
                known.append(gone(sorter, cable, how))
                turn(sorter, 0.5)
                back.append(again(sorter, cable, board, how))
        finally:
            sorter.close()
    print()
    told(f"cable {how}, to known", known)
    told("back, to the handshake after the board booted", back)

    assert max(known) < KNOWN_MS
    assert max(back) <= BOOTED_MS


def gone(sorter: FramedSorter, cable: NoisyLine, how: str) -> float:
    began_ns = time.monotonic_ns()
    if how == "pulled":
        cable.pull()
    else:
        cable.cut = True
    return (until(sorter, "link-down").at_ns - began_ns) / 1e6


def again(sorter: FramedSorter, cable: NoisyLine, board: EmulatedBoard, how: str) -> float:
    """From the end of the board's bootloader (if it started anew), or from the cable's return."""
    began_ns = time.monotonic_ns()
    if how == "pulled":
        cable.plug()
    else:
        cable.cut = False
    up_ns = until(sorter, "link-up", 20).at_ns
    booted_ns = board.told("reset")[-1]["t_ns"] + 1_000_000_000
    turn(sorter, 0.5)
    return (up_ns - max(began_ns, booted_ns)) / 1e6


def until(sorter: FramedSorter, kind: str, seconds: float = 10) -> LinkEvent:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for event in sorter.events(0.01):
            if isinstance(event, LinkEvent) and event.kind == kind:
                return event
    raise AssertionError(f"no {kind} within {seconds} s")


def turn(sorter: FramedSorter, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sorter.events(0.02)
