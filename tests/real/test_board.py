"""The real firmware on the emulated board: what the servo pins do, and when, by the board's own cycles."""

import os
import select
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from real.conftest import EmulatedBoard

from appliance.sorter.frames import (
    Accepted,
    Arm,
    Ask,
    Beat,
    Code,
    Command,
    Counters,
    Done,
    Event,
    Failed,
    Frame,
    Hello,
    Pulse,
    StateTold,
    Welcome,
)
from appliance.sorter.wire import Receiver, line_of

Emulated = Callable[..., EmulatedBoard]
Kind = TypeVar("Kind", bound=Any)

SESSION = 0x5EED0001
MS = 1000
SAFE_WITHIN_US = 600 * MS
ANSWER_S = 5.0
"""Long enough for a busy machine; what is measured is measured by the board's clock."""


class Line:
    """A host's end of the board's port, with nothing of the appliance but its frames."""

    def __init__(self, link: Path) -> None:
        self.handle = os.open(link, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.handle)
        self._receiver = Receiver()
        self._beat = 0
        self.heard: list[Frame] = []

    def say(self, *frames: Frame) -> None:
        os.write(self.handle, b"".join(map(line_of, frames)))

    def listen(self, seconds: float) -> list[Frame]:
        """What comes within a time."""
        before, deadline = len(self.heard), time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._read(left)
        return self.heard[before:]

    def _read(self, seconds: float) -> None:
        if select.select([self.handle], [], [], seconds)[0]:
            self.heard += self._receiver.feed(os.read(self.handle, 4096))

    def answer(self, wanted: type[Kind], seconds: float = ANSWER_S, **fields: int) -> Kind:
        """The next frame of a kind and with these fields that was not asked for before."""
        deadline = time.monotonic() + seconds
        while True:
            for place, frame in enumerate(self.heard):
                if isinstance(frame, wanted) and all(getattr(frame, name) == value for name, value in fields.items()):
                    del self.heard[: place + 1]
                    return frame
            assert time.monotonic() < deadline, f"no {wanted.__name__} {fields}, but {self.heard}"
            self._read(0.1)

    def shake_hands(self, session: int = SESSION, seconds: float = ANSWER_S) -> Welcome:
        """HELLO every 200 ms, as a host does."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.say(Hello(1, 0, session))
            for frame in self.listen(0.2):
                if isinstance(frame, Welcome) and frame.session == session:
                    return frame
        raise AssertionError("no WELCOME")

    def beat(self, session: int = SESSION) -> Pulse:
        self._beat += 1
        self.say(Beat(session, self._beat, 1))
        return self.answer(Pulse, n=self._beat)

    def arm(self, session: int = SESSION) -> int:
        """The latch that the board is armed under."""
        latch = self.shake_hands(session).latch
        self.say(Arm(session, latch))
        assert self.answer(StateTold).state == 2
        return latch

    def command(self, seq: int, latch: int, channel: int, within_us: int = 2000 * MS) -> Command:
        now = self.beat().sent
        return Command(SESSION, seq, latch, 0, channel, now, (now + within_us) % 2**32)


@contextmanager
def line(board: EmulatedBoard) -> Iterator[Line]:
    one = Line(board.link)
    try:
        yield one
    finally:
        os.close(one.handle)


def test_it_boots_and_says_who_it_is_and_nothing_pulses(emulated: Emulated) -> None:
    board = emulated()
    board.start()
    with line(board) as host:
        welcome = host.shake_hands()

    assert (welcome.firmware, welcome.channels, welcome.queue, welcome.simulated) == ("1.0.0", 6, 8, False)
    assert (welcome.lease_ms, welcome.horizon_ms, welcome.movement_ms, welcome.reset) == (500, 10_000, 500, 1)
    last = board.end()
    assert board.told("pulsing", "out") == []
    assert last["lost"] == 0
    assert last["stack_margin"] > 256


def test_a_command_moves_its_servo_exactly_once_however_often_it_is_said(emulated: Emulated) -> None:
    board = emulated("MOVE_MS=120")
    board.start()
    with line(board) as host:
        latch = host.arm()
        for seq in range(6):
            command = host.command(seq, latch, seq)
            host.say(command, command)
            host.answer(Accepted, seq=seq)
            host.beat()
            done = host.answer(Done, seq=seq)
            host.say(command)
            assert host.answer(Done, seq=seq) == done
            assert 120 * MS <= (done.ended - done.started) % 2**32 <= 125 * MS

    board.wait_told("moved", 6)
    board.end()
    assert [row["channel"] for row in board.told("out")] == list(range(6))
    assert [row["channel"] for row in board.told("moved")] == list(range(6))
    widths = [row["width_us"] for row in board.told("out")]
    assert all(abs(width - 1800) < 15 for width in widths), widths
    assert board.told("lost") == []


def test_a_silent_host_puts_the_pins_at_rest_and_then_ends_the_pulses(emulated: Emulated) -> None:
    board = emulated("HOLD_MS=5000")
    board.start()
    with line(board) as host:
        latch = host.arm()
        host.say(host.command(1, latch, 2), host.command(2, latch, 3))
        out = board.wait_told("out", 2)
        # By the board's clock: the last beat came before the commands were said, and they before the arms were out.
        last_sign_us = min(row["t_us"] for row in out)
        told = host.answer(StateTold, why=2)

    back = board.wait_told("moved", 2)
    silent = board.wait_told("silent")
    board.end()
    assert told.state == 1
    assert all(row["t_us"] - last_sign_us <= SAFE_WITHIN_US for row in back)
    assert 400 * MS <= silent[0]["t_us"] - back[0]["t_us"] <= 650 * MS


def test_a_hung_program_is_started_again_and_says_so(emulated: Emulated) -> None:
    board = emulated("HOLD_MS=5000")
    board.start()
    with line(board) as host:
        first = host.shake_hands()
        latch = host.arm()
        host.say(host.command(1, latch, 4))
        board.wait_told("out")
        board.lever("hang")
        reset = board.wait_told("reset", 2)[-1]
        hung = board.told("lever")[-1]
        again = host.shake_hands(SESSION + 1)
        host.say(Ask(SESSION + 1))
        counted = host.answer(Counters)

    board.end()
    [back] = board.told("moved")
    assert back["t_us"] - hung["t_us"] <= SAFE_WITHIN_US
    assert reset["t_us"] - hung["t_us"] <= SAFE_WITHIN_US
    assert again.reset & 8
    assert again.boot != first.boot
    assert counted.watchdog == 1
    assert board.told("lost") == []


def test_opening_the_port_resets_it_and_a_bootloader_eats_the_first_second(emulated: Emulated) -> None:
    board = emulated()
    board.start("--reset-on-open")
    boots = []
    for session in (SESSION, SESSION + 1):
        with line(board) as host:
            host.say(Hello(1, 0, session))
            assert host.listen(0.9) == []
            boots.append(host.shake_hands(session))
        board.wait_told("closed", len(boots))

    board.end()
    assert boots[0].boot != boots[1].boot
    assert [one.reset for one in boots] == [2, 2]


def test_the_boot_number_differs_after_a_power_cut_too(emulated: Emulated) -> None:
    seen = []
    for _ in range(2):
        board = emulated()
        board.start()
        with line(board) as host:
            seen.append(host.shake_hands().boot)
        board.end()

    assert seen[0] != seen[1]


def test_the_machines_signals_reach_the_host(emulated: Emulated) -> None:
    board = emulated("MOVE_MS=120")
    board.start()
    with line(board) as host:
        latch = host.arm()
        board.lever("sensor 1")
        seen = host.answer(Event, kind=1)
        board.lever("sensor 0")
        free = host.answer(Event, kind=2)
        board.lever("encoder -40")
        stands = host.answer(Event, kind=3, position=-40)
        board.lever("fault 1")
        board.wait_told("lever", 4)
        host.say(Arm(SESSION, host.shake_hands().latch))
        latch = host.answer(StateTold).latch
        host.say(host.command(1, latch, 0))
        failed = host.answer(Failed, seq=1)

    board.end()
    assert (seen.number, free.number) == (0, 1)
    assert stands.number > 1
    assert failed.code == Code.JAMMED
    assert board.told("out") == []


def test_the_boards_clock_is_the_computers(emulated: Emulated) -> None:
    board = emulated()
    board.start()
    with line(board) as host:
        host.shake_hands()
        first, first_ns = host.beat(), time.monotonic_ns()
        host.listen(2.0)
        last, last_ns = host.beat(), time.monotonic_ns()

    board.end()
    board_us, wall_us = (last.received - first.received) % 2**32, (last_ns - first_ns) / 1000
    # A busy computer answers late, by tens of milliseconds.
    assert abs(board_us - wall_us) < 200 * MS
    assert (last.sent - last.received) % 2**32 < 5 * MS


def test_noise_is_counted_and_harmless(emulated: Emulated) -> None:
    board = emulated("MOVE_MS=120")
    board.start()
    with line(board) as host:
        latch = host.arm()
        good = line_of(host.command(1, latch, 1))
        host.beat()
        for place in range(2, len(good) - 1):
            os.write(host.handle, good[:place] + bytes([good[place] ^ 0x40]) + good[place + 1 :])
            if place % 5 == 0:
                host.beat()
        host.beat()
        host.say(Ask(SESSION))
        counted = host.answer(Counters)

    board.end()
    assert counted.bad_crc + counted.bad_frame >= len(good) - 3
    assert (counted.moved, counted.overrun) == (0, 0)
    assert board.told("out") == []


@pytest.mark.parametrize(("baud", "why"), [(300, "12 bits"), (460_800, "2.5 % off"), (9_000_000, "12 bits")])
def test_a_baud_rate_that_the_chip_cannot_make_is_not_built(firmware: Callable[..., Path], baud: int, why: str) -> None:
    firmware()
    with pytest.raises(AssertionError, match=f"BAUD is .*{why}"):
        firmware(f"BAUD={baud}")
