"""The board's time is known within the error that is stated, whatever the way, the drift, and the counter's wrap."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.sorter.board_clock import BoardClock

MS = 1_000_000
HOST_0 = 5_000_000_000_000


class Board:
    """A clock that starts at `start_us` when ours stands at HOST_0, and runs `ppm` fast, wandering slowly by 40 ppm."""

    def __init__(self, start_us: int, ppm: float) -> None:
        self.start_us, self.ppm = start_us, ppm

    def true_us(self, host_ns: float) -> float:
        seconds = (host_ns - HOST_0) / 1e9
        wander_us = 20 * (seconds % 120 - 60) ** 2 / 120 - 20 * 30  # its slope goes from -20 to 20 ppm, and jumps back
        return self.start_us + seconds * (1e6 + self.ppm) + wander_us

    def told_us(self, host_ns: float) -> int:
        return int(self.true_us(host_ns)) & 0xFFFF_FFFF


def exchange(clock: BoardClock, board: Board, at_ns: int, there_ns: int, thinks_ns: int, back_ns: int) -> int:
    """One question and its answer; the moment at which the answer was read."""
    received_ns = at_ns + there_ns
    sent_ns = received_ns + thinks_ns
    read_ns = sent_ns + back_ns
    clock.exchanged(at_ns, board.told_us(received_ns), board.told_us(sent_ns), read_ns)
    return read_ns


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    ppm=st.floats(-5000, 5000),
    start_us=st.integers(0, 2**32 - 1),
    lost=st.floats(0, 0.9),
    there_ms=st.floats(0.1, 8),
    back_ms=st.floats(0.1, 8),
)
def test_the_true_time_is_always_within_the_stated_error(
    seed: int, ppm: float, start_us: int, lost: float, there_ms: float, back_ms: float
) -> None:
    """Asymmetric ways, jitter, one way in ten far too long, lost answers, and moments up to a second ahead."""
    rng = random.Random(seed)
    board, clock = Board(start_us, ppm), BoardClock()
    at_ns, known = HOST_0, False
    for _ in range(600):
        at_ns += 50 * MS
        if rng.random() >= lost:
            slow = rng.choice((1, 1, 1, 1, 1, 1, 1, 1, 1, 40))
            there, back = (int(ms * MS * rng.uniform(1, 1.5)) for ms in (there_ms * slow, back_ms))
            at_ns = exchange(clock, board, at_ns, there, rng.randrange(3 * MS), back)
            known = True
        if known:
            asked_ns = at_ns + rng.randrange(1_000 * MS)
            off_us = clock.board_us(asked_ns) - board.true_us(asked_ns)
            off_us -= round(off_us / 2**32) * 2**32  # which turn of its counter the board is in it never says
            assert abs(off_us) <= clock.error_us(asked_ns) + 1  # the board tells whole microseconds
    assert clock.restarts == 0


def test_after_a_minute_the_error_is_far_less_than_the_way() -> None:
    """The bounds of many exchanges and the drift between them leave less open than the best single way of 5 ms."""
    board, clock, rng = Board(77, 900.0), BoardClock(), random.Random(1)
    at_ns = HOST_0
    for _ in range(1200):
        at_ns = exchange(clock, board, at_ns + 50 * MS, rng.randrange(MS, 6 * MS), 100_000, rng.randrange(MS, 6 * MS))

    assert clock.error_us(at_ns) < 5_000
    assert clock.drift_ppm == pytest.approx(900, abs=150)


def test_nothing_is_known_before_the_first_exchange() -> None:
    assert BoardClock().error_us(HOST_0) == float("inf")
    with pytest.raises(ValueError, match="before the first exchange"):
        BoardClock().board_us(HOST_0)


def test_the_error_grows_with_the_age_of_the_newest_exchange() -> None:
    board, clock = Board(0, 0), BoardClock()
    read_ns = exchange(clock, board, HOST_0, MS, 0, MS)

    assert clock.error_us(read_ns) < 1_100
    assert clock.error_us(read_ns + 10**9) == pytest.approx(11_000, rel=0.1)  # 1 % until the drift is known


def test_the_wrap_of_the_counter_is_passed() -> None:
    board, clock = Board(2**32 - 1_000_000, 0), BoardClock()
    at_ns = HOST_0
    for _ in range(100):
        at_ns = exchange(clock, board, at_ns + 50 * MS, MS, 0, MS)

    assert clock.board_us(at_ns) > 2**32
    assert abs(clock.host_ns(board.told_us(at_ns)) - at_ns) / 1e3 <= clock.error_us(at_ns)
    assert abs(clock.host_ns(2**32 - 500_000) - (HOST_0 + 500 * MS)) < 100 * MS


def test_an_answer_that_comes_a_second_time_changes_nothing() -> None:
    board, clock = Board(0, 0), BoardClock()
    exchange(clock, board, HOST_0, MS, 0, MS)
    received, sent = board.told_us(HOST_0 + 60 * MS), board.told_us(HOST_0 + 60 * MS)
    clock.exchanged(HOST_0 + 59 * MS, received, sent, HOST_0 + 61 * MS)
    before = clock.board_us(HOST_0), clock.error_us(HOST_0)
    clock.exchanged(HOST_0 + 59 * MS, received, sent, HOST_0 + 900 * MS)

    assert (clock.board_us(HOST_0), clock.error_us(HOST_0)) == before


def test_a_clock_that_jumps_is_believed_again_from_the_newest_exchange() -> None:
    board, clock = Board(0, 0), BoardClock()
    at_ns = HOST_0
    for _ in range(40):
        at_ns = exchange(clock, board, at_ns + 50 * MS, MS, 0, MS)
    board.start_us += 5_000_000
    at_ns = exchange(clock, board, at_ns + 50 * MS, MS, 0, MS)

    assert clock.restarts == 1
    assert abs(clock.board_us(at_ns) - board.true_us(at_ns)) <= clock.error_us(at_ns) + 1
