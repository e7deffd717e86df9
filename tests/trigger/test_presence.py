"""The trigger presence: every item of a stream once, with good pictures, and what it could not tell is counted."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import clips
import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from appliance.preprocess import Region
from appliance.records import Frame, Item, Pixels, TriggerEvent
from appliance.trigger import TRIGGERS
from appliance.trigger.presence import Presence, PresenceOptions

JAM = "jam: something lies in the region 2 s after it was decided"


def presence(region: Region | None = None, **changes: Any) -> Presence:
    numbers = itertools.count(1)
    options = PresenceOptions(kind="presence", **({"decide_after_ms": 500, "clear_after_ms": 2000} | changes))
    return Presence(options, lambda: f"item-{next(numbers)}", region)


def scene(*discs: tuple[int, int], light: float = 1.0, size: tuple[int, int] = (128, 128)) -> Pixels:
    """A grey floor with discs of 20 pixels at these places, each of a colour of its own."""
    pixels = np.full((*size, 3), 140, np.uint8)
    for x, y in discs:
        cv2.circle(pixels, (x, y), 20, (20 + x // 2, 180 - x // 2, 60 + y // 4), -1)
    return np.asarray(np.clip(pixels * light, 0, 255), np.uint8)


EMPTY, MIDDLE, CUT = scene(), scene((64, 64)), scene((8, 64))


def frames(pictures: Iterable[Pixels], every_ms: int = 100, first: int = 0) -> list[Frame]:
    """Numbered from 1 on."""
    return [
        Frame(first + number + 1, (first + number) * every_ms * 1_000_000, "test", pixels, f"#{number}")
        for number, pixels in enumerate(pictures)
    ]


def offers(trigger: Presence, stream: Sequence[Frame]) -> list[tuple[str, tuple[int, ...], bool]]:
    """What a stream makes a trigger offer, until the stream ends: (item, its frames, last)."""
    found: list[Item] = []
    for frame in stream:
        found += trigger.feed(frame)
    return [(item.id, tuple(frame.id for frame in item.frames), item.last) for item in found + trigger.flush()]


def counted(trigger: Presence) -> dict[str, int]:
    return {name: count for name, count in trigger.status().counters.items() if count}


def test_the_table_knows_it_by_its_name() -> None:
    assert TRIGGERS.load("presence") is Presence


def test_an_empty_region_is_no_item() -> None:
    trigger = presence()
    assert offers(trigger, frames([EMPTY] * 30)) == []
    assert counted(trigger) == {}


def test_good_pictures_are_offered_as_they_come_and_the_last_when_it_is_time() -> None:
    stream = frames([EMPTY] * 3 + [MIDDLE] * 12 + [EMPTY])
    # In frame 4 it moves in; 500 ms later, with frame 9, its time is over.
    assert offers(presence(), stream) == [
        ("item-1", (5,), False), ("item-1", (6,), False), ("item-1", (7,), False), ("item-1", (8,), False),
        ("item-1", (9,), True),
    ]  # fmt: skip


def test_an_item_that_leaves_early_is_offered_once_more_with_its_newest_good_picture() -> None:
    stream = frames([EMPTY, MIDDLE, MIDDLE, MIDDLE, scene((70, 64)), EMPTY])
    assert offers(presence(), stream) == [("item-1", (3,), False), ("item-1", (4,), False), ("item-1", (4,), True)]


def test_a_single_empty_picture_parts_two_items() -> None:
    trigger = presence()
    found = offers(trigger, frames([EMPTY, MIDDLE, MIDDLE, EMPTY, MIDDLE, MIDDLE, EMPTY]))
    assert found == [
        ("item-1", (3,), False), ("item-1", (3,), True), ("item-2", (6,), False), ("item-2", (6,), True),
    ]  # fmt: skip
    assert counted(trigger) == {"items": 2}


def test_without_a_good_picture_the_best_is_the_only_offer() -> None:
    moving = [scene((x, 64)) for x in (0, 30, 60, 90, 128)]
    trigger = presence()
    # In the third to the fifth frame it is wholly visible.
    assert offers(trigger, frames([EMPTY, *moving, EMPTY])) == [("item-1", (5,), True)]
    assert counted(trigger) == {"items": 1, "unsettled": 1}


def test_one_that_rests_half_outside_is_offered_when_its_time_is_over() -> None:
    assert offers(presence(), frames([EMPTY] + [CUT] * 12)) == [("item-1", (7,), True)]


def test_on_a_belt_that_never_stops_a_whole_picture_is_good() -> None:
    moving = [scene((x, 64)) for x in (0, 30, 60, 90, 128)]
    assert offers(presence(still=False), frames([EMPTY, *moving, EMPTY])) == [
        ("item-1", (3,), False), ("item-1", (4,), False), ("item-1", (5,), False), ("item-1", (5,), True),
    ]  # fmt: skip


def test_what_stays_is_one_item_and_a_jam_until_it_has_gone() -> None:
    trigger = presence()
    found = offers(trigger, frames([EMPTY] + [MIDDLE] * 600))
    assert {item for item, _, _ in found} == {"item-1"}
    assert [last for _, _, last in found].count(True) == 1
    assert trigger.events() == [TriggerEvent("jam", 2_600_000_000, "item-1", JAM)]

    trigger = presence()
    for frame in frames([EMPTY] + [MIDDLE] * 40):
        trigger.feed(frame)
    assert trigger.status().trouble == JAM
    trigger.feed(frames([EMPTY], first=41)[0])
    assert trigger.status().trouble == ""
    assert [(event.kind, event.item_id) for event in trigger.events()] == [("jam", "item-1"), ("jam-over", "item-1")]
    assert trigger.events() == []
    assert counted(trigger) == {"items": 1, "jams": 1}


def test_the_light_may_change_by_half_while_an_item_stays() -> None:
    lights = np.linspace(0.8, 1.2, 300)
    trigger = presence()
    stay = [scene((64, 64), light=float(light)) for light in lights]
    assert {item for item, _, _ in offers(trigger, frames([scene(light=0.8), *stay, scene(light=1.2)]))} == {"item-1"}
    assert trigger.status().trouble == ""


def test_an_item_that_lies_there_at_the_start_is_offered_when_it_leaves() -> None:
    trigger = presence()
    found = offers(trigger, frames([MIDDLE] * 5 + [EMPTY] * 2 + [CUT] * 2 + [EMPTY]))
    assert [(item, shown) for item, shown, last in found if last] == [("item-1", (5,)), ("item-2", (9,))]
    assert counted(trigger) == {"items": 2, "unseen_start": 1, "unsettled": 1}


def test_an_item_that_lies_there_at_the_start_and_moves_is_one_item() -> None:
    trigger = presence()
    found = offers(trigger, frames([MIDDLE] * 3 + [scene((76, 64))] * 3 + [EMPTY] * 3 + [MIDDLE] * 2 + [EMPTY]))
    assert len({item for item, _, _ in found}) == 2
    assert counted(trigger)["items"] == 2


def test_what_comes_to_lie_against_an_item_is_the_next_one_when_that_has_left() -> None:
    first, both, second = scene((40, 64)), scene((40, 64), (82, 64)), scene((82, 64))
    trigger = presence()
    found = offers(trigger, frames([EMPTY, *[first] * 4, *[both] * 4, *[second] * 3, EMPTY]))
    assert [(item, shown) for item, shown, last in found if last] == [("item-1", (5,)), ("item-2", (12,))]
    assert counted(trigger) == {"items": 2}


def test_what_comes_and_goes_beside_an_item_is_counted_as_merged() -> None:
    first, both = scene((40, 64)), scene((40, 64), (82, 64))
    for last in (first, both):
        trigger = presence()
        offers(trigger, frames([EMPTY, *[first] * 4, *[both] * 4, *[last] * 4, EMPTY]))
        assert counted(trigger) == {"items": 1, "merged": 1}


def test_pictures_without_light_neither_open_nor_close_an_item() -> None:
    dark = np.zeros_like(EMPTY)
    trigger = presence()
    found = offers(trigger, frames([EMPTY, dark, EMPTY, MIDDLE, MIDDLE, dark, dark, MIDDLE, MIDDLE, EMPTY]))
    assert {item for item, _, _ in found} == {"item-1"}
    assert counted(trigger) == {"items": 1, "unlit": 3}


def test_something_else_after_a_gap_in_the_stream_is_another_item() -> None:
    other = scene((64, 40))
    for after, items in ((MIDDLE, 1), (other, 2)):
        trigger = presence()
        stream = frames([EMPTY, MIDDLE, MIDDLE]) + frames([after, after], first=40)
        offers(trigger, stream)
        assert counted(trigger).get("interrupted", 0) == items - 1
        assert counted(trigger)["items"] == items


def test_something_too_small_is_counted_and_becomes_background_if_it_stays() -> None:
    crumb = EMPTY.copy()
    cv2.circle(crumb, (30, 30), 3, (40, 40, 40), -1)
    trigger = presence(smallest=0.02)
    assert offers(trigger, frames([EMPTY] * 3 + [crumb] * 100)) == []
    faint = counted(trigger)
    assert set(faint) == {"faint"}
    assert 20 <= faint["faint"] < 60


def test_only_the_region_is_looked_at() -> None:
    stream = frames([EMPTY, CUT, CUT, EMPTY])
    assert offers(presence(Region(32, 0, 96, 128)), stream) == []
    assert len({item for item, _, _ in offers(presence(Region(0, 0, 96, 128)), stream)}) == 1


def test_another_size_of_picture_begins_anew_and_loses_no_item() -> None:
    small = [scene(size=(96, 96)), scene((40, 40), size=(96, 96)), scene((40, 40), size=(96, 96))]
    found = offers(presence(), frames([EMPTY, MIDDLE, MIDDLE, *small]))
    assert [(item, shown) for item, shown, last in found if last] == [("item-1", (3,)), ("item-2", (6,))]


def test_names_and_labels_change_nothing() -> None:
    stream = [EMPTY, MIDDLE, MIDDLE, EMPTY]
    renamed = [Frame(one.id, one.taken_at_ns, "test", one.pixels, "empty/other") for one in frames(stream)]
    assert offers(presence(), renamed) == offers(presence(), frames(stream))


@pytest.mark.parametrize(
    "wrong", [{"decide_after_ms": 0}, {"contrast": 0.0}, {"smallest": 0.9}, {"still": "yes"}, {"k": 3}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PresenceOptions(kind="presence", **wrong)


# Composed clips: some of what tests/acceptance counts over thousands of items


@pytest.mark.parametrize("kind", clips.KINDS)
def test_the_items_of_composed_clips_are_counted_right(kind: str) -> None:
    rng = np.random.default_rng([2, clips.KINDS.index(kind)])
    cutouts, total = clips.shipped_cutouts(), clips.Tally()
    for _ in range(8 if kind == "no-start" else 2):
        items = 4 if kind == "no-start" else 15
        total += clips.count(presence(decide_after_ms=1000), clips.compose(kind, items, rng, cutouts))
    assert total.items >= 30
    assert (total.missed, total.double, total.false) == (0, 0, 0)


def test_the_count_of_composed_clips_sees_what_is_wrong() -> None:
    """The measure itself: a trigger that sees too little or too much is caught."""
    rng, cutouts = np.random.default_rng(0), clips.shipped_cutouts()
    clip = list(clips.compose("plain", 15, rng, cutouts))
    blind = clips.count(presence(contrast=1.0, smallest=0.5), clip)
    assert (blind.items, blind.double, blind.false) == (15, 0, 0)
    assert blind.missed > 10
    nervous = clips.count(presence(contrast=0.02, smallest=0.0005), clips.compose("noise", 15, rng, cutouts))
    assert nervous.double + nervous.false + nervous.missed > 0
