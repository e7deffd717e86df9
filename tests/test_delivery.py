"""What is said of a camera's figures: the verdict follows the figure, and only what hides items is a failure."""

import dataclasses

import pytest

from appliance.config import DriftOptions
from appliance.delivery import Close, Likeness, Promise, Verdict, judge
from appliance.optics import Measures
from appliance.viewing import Viewing

OK, LOOK, FAIL, NOT_JUDGED = Verdict.OK, Verdict.LOOK, Verdict.FAIL, Verdict.NOT_JUDGED
GOOD = Viewing(5.0, 150, 0, 30.0, 2.0, 0.0, Measures(4.0, 120.0, 0.0, 0.0), None)
CLOSE = Close(alike=False, clipped_share=0.0)
ORDERED = Promise(live=True, ordered_hz=30.0)
NO_REFERENCE = Likeness(DriftOptions())


def verdict(name: str, close: Close = CLOSE, promise: Promise = ORDERED, **seen: object) -> Verdict:
    viewing = dataclasses.replace(GOOD, **seen)  # type: ignore[arg-type]
    return {row.name: row.verdict for row in judge(viewing, close, promise, NO_REFERENCE)}[name]


@pytest.mark.parametrize(
    ("rate_hz", "expected"),
    [(30.0, OK), (27.1, OK), (26.0, LOOK), (20.0, FAIL), (60.0, LOOK), (None, FAIL)],
)
def test_the_rate_is_judged_by_what_was_ordered(rate_hz: float | None, expected: Verdict) -> None:
    assert verdict("rate", rate_hz=rate_hz) is expected


def test_without_an_order_the_drivers_promise_counts_and_without_that_nothing() -> None:
    assert verdict("rate", promise=Promise(live=True, driver_hz=60.0)) is FAIL
    assert verdict("rate", promise=Promise(live=True)) is NOT_JUDGED
    assert verdict("rate", promise=Promise(live=False, ordered_hz=60.0)) is NOT_JUDGED


def test_an_order_stands_above_a_promise() -> None:
    assert verdict("rate", promise=Promise(live=True, ordered_hz=30.0, driver_hz=60.0)) is OK


@pytest.mark.parametrize(("jitter_ms", "expected"), [(2.0, OK), (16.0, OK), (17.0, LOOK)])
def test_jitter_is_judged_by_the_period(jitter_ms: float, expected: Verdict) -> None:
    assert verdict("jitter", jitter_ms=jitter_ms) is expected


@pytest.mark.parametrize(("share", "expected"), [(0.0, OK), (0.02, OK), (0.1, LOOK), (0.3, FAIL)])
def test_old_pictures_are_judged_by_their_share(share: float, expected: Verdict) -> None:
    assert verdict("old ones", stale_share=share) is expected


@pytest.mark.parametrize(("frames", "unreadable", "expected"), [(150, 1, LOOK), (10, 11, FAIL), (0, 0, FAIL)])
def test_pictures_that_cannot_be_read_are_told(frames: int, unreadable: int, expected: Verdict) -> None:
    assert verdict("pictures", frames=frames, unreadable=unreadable) is expected


def test_a_camera_that_gave_nothing_has_one_verdict() -> None:
    nothing = Viewing(5.0, 0, 0, None, None, 0.0, None, None)
    assert [(row.name, row.verdict) for row in judge(nothing, CLOSE, ORDERED, NO_REFERENCE)] == [("pictures", FAIL)]


def test_pictures_that_are_all_alike_are_frozen_unless_a_person_said_otherwise() -> None:
    alike = Close(alike=True, clipped_share=0.0)
    assert verdict("pictures", alike) is FAIL
    assert verdict("pictures", alike, Promise(live=True, ordered_hz=30.0, may_be_still=True)) is LOOK
    assert verdict("pictures", alike, Promise(live=False)) is LOOK


def test_a_camera_that_repeats_its_first_picture_is_frozen() -> None:
    rows = judge(dataclasses.replace(GOOD, frames=1, rate_hz=None, stale_share=0.9), CLOSE, ORDERED, NO_REFERENCE)
    assert (rows[0].verdict, rows[0].reason.startswith("frozen")) == (FAIL, True)


@pytest.mark.parametrize(
    ("brightness", "clipped", "expected"), [(120, 0.0, OK), (20, 0.0, LOOK), (240, 0.0, LOOK), (120, 0.2, LOOK)]
)
def test_light_is_judged_without_a_reference(brightness: float, clipped: float, expected: Verdict) -> None:
    measures = Measures(4.0, brightness, 0.0, 0.0)
    assert verdict("brightness", Close(alike=False, clipped_share=clipped), measures=measures) is expected


def test_what_only_a_reference_can_tell_says_so() -> None:
    values = {"focus": 0.6, "brightness": 0.1, "shift": 0.03}
    rows = judge(GOOD, CLOSE, ORDERED, Likeness(DriftOptions(), "2026-01-31T08:00:00.000Z", values))
    told = {row.name: (row.verdict, row.reason) for row in rows}

    assert told["focus"][0] is LOOK
    assert "60% of its sharpness is lost" in told["focus"][1]
    assert told["brightness"] == (OK, "as in the reference of 2026-01-31")
    assert told["shift"][0] is LOOK
    assert told["colour"][0] is NOT_JUDGED
    assert verdict("focus") is NOT_JUDGED
    assert verdict("focus", measures=Measures(0.0, 120.0, 0.0, 0.0)) is LOOK
