"""What presence costs a frame, empty and occupied, beside one plain resize of the same picture to 224 x 224."""

import itertools
import time
from collections.abc import Callable

import clips
import cv2
import numpy as np
import pytest

from appliance.records import Frame, Pixels
from appliance.trigger.presence import Presence, PresenceOptions

ALLOWED_MS = 0.5
ROUNDS = 100


@pytest.mark.parametrize(("width", "height"), [(256, 256), (640, 480)])
def test_a_frame_costs_at_most_half_a_millisecond(width: int, height: int) -> None:
    cv2.setNumThreads(1)
    empty, there = (_picture(things, width, height) for things in ((), clips.shipped_cutouts()[:1]))
    cost = {"resize": [], "empty": [], "coming": [], "lying": []}  # type: dict[str, list[float]]
    numbers = itertools.count(1)
    trigger = Presence(PresenceOptions(kind="presence"), lambda: "item")
    for _ in range(ROUNDS):
        # One after the other, so that whatever else this computer does hits all alike.
        cost["resize"].append(_ms(lambda: cv2.resize(empty, (224, 224))))
        for name, pixels in (("empty", empty), ("coming", there), ("lying", there)):
            frame = Frame(next(numbers), next(numbers) * 33_000_000, "test", pixels, "")
            cost[name].append(_ms(lambda frame=frame: trigger.feed(frame)))
    assert trigger.status().counters["items"] == ROUNDS

    # The fastest tenth: what the work takes while nothing else has the core.
    least = {name: float(np.quantile(times, 0.1)) for name, times in cost.items()}
    told = ", ".join(f"{name} {ms:.3f} ms ({ms / least['resize']:.1f}x)" for name, ms in least.items())
    print(f"\n{width}x{height}: {told}")
    assert max(least.values()) <= ALLOWED_MS


def _picture(things: tuple[clips.Cutout, ...], width: int, height: int) -> Pixels:
    noise = np.random.default_rng(0).normal(0, 2, (height, width, 3))
    return np.clip(cv2.resize(clips.lay(things), (width, height)) + noise, 0, 255).astype(np.uint8)


def _ms(work: Callable[[], object]) -> float:
    before_ns = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - before_ns) / 1e6
