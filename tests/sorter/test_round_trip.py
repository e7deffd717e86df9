"""The time-out of a repetition, from how long answers took."""

import pytest

from appliance.sorter.round_trip import RoundTrip

MS = 1_000_000


@pytest.mark.parametrize("held_up_ms", [200, 1000, 3000, 10_000])
def test_one_answer_that_a_line_held_up_is_forgotten_within_a_second(held_up_ms: int) -> None:
    """Twenty heartbeats a second are measured."""
    trip = RoundTrip()
    for _ in range(50):
        trip.measured(2 * MS)
    trip.measured(held_up_ms * MS)
    longest = trip.timeout_ns
    for _ in range(20):
        trip.measured(2 * MS)

    assert longest == 200 * MS
    assert trip.timeout_ns <= 20 * MS
