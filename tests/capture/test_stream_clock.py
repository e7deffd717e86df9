"""The age of a stream's pictures: delays count, a foreign clock's drift does not, an old picture stays old."""

import pytest

from appliance.capture.stream_clock import StreamClock

MS = 1_000_000
S = 1_000_000_000
PERIOD = 40 * MS


def play(clock: StreamClock, count: int, start: int = 0, delay: int = 20 * MS, base: int = 7 * S) -> list[int]:
    """The ages in ms of pictures that arrive `delay` after they were presented."""
    return [
        (number * PERIOD + delay + base - clock.taken_at(number * PERIOD, number * PERIOD + delay + base)) // MS
        for number in range(start, start + count)
    ]


def test_a_steady_stream_is_as_fresh_as_its_arrival() -> None:
    assert set(play(StreamClock(), 100)) == {0}


def test_what_comes_later_than_the_fastest_is_that_much_older() -> None:
    clock = StreamClock()
    play(clock, 50)
    assert play(clock, 1, 50, delay=170 * MS) == [149]  # less what the foreign clock may have lost in 190 ms
    assert play(clock, 1, 51) == [0]


def test_the_first_pictures_may_have_been_buffered() -> None:
    clock = StreamClock()
    play(clock, 5, delay=900 * MS)
    assert set(play(clock, 50, 5)) == {0}


def test_a_stamp_that_does_not_advance_is_the_old_picture() -> None:
    clock = StreamClock()
    first = clock.taken_at(10 * PERIOD, 5 * S)
    assert clock.taken_at(10 * PERIOD, 5 * S + PERIOD) == first
    assert clock.taken_at(9 * PERIOD, 5 * S + 2 * PERIOD) == first
    assert clock.taken_at(13 * PERIOD, 5 * S + 3 * PERIOD) > first


@pytest.mark.parametrize("ppm", [-100, 100])
def test_a_day_of_a_drifting_clock_makes_nothing_stale(ppm: int) -> None:
    clock = StreamClock()
    for minute in range(24 * 60):
        arrival = minute * 60 * S
        assert arrival - clock.taken_at(int(arrival * (1 + ppm * 1e-6)), arrival) <= 1 * MS


@pytest.mark.parametrize("presented", [0, 100_000 * S])
def test_a_sender_that_begins_anew_is_believed(presented: int) -> None:
    clock = StreamClock()
    play(clock, 50, 1000)
    arrival = 1100 * PERIOD + 7 * S
    assert clock.taken_at(presented, arrival) == arrival
    assert clock.taken_at(presented + PERIOD, arrival + PERIOD) == arrival + PERIOD
