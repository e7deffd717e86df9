"""The trigger every-frame: one picture, one item."""

import itertools

import numpy as np

from appliance.records import Frame
from appliance.trigger import TRIGGERS
from appliance.trigger.every_frame import EveryFrame, EveryFrameOptions


def frame(number: int) -> Frame:
    return Frame(number, number, "monotonic", np.zeros((8, 8, 3), np.uint8), f"picture {number}")


def test_every_frame_is_an_item_of_its_own_with_an_id_of_its_own() -> None:
    counter = itertools.count(1)
    trigger = EveryFrame(EveryFrameOptions(), lambda: f"run-{next(counter)}")
    frames = [frame(number) for number in (3, 4, 9)]
    items = [item for one in frames for item in trigger.feed(one)]
    assert [(item.id, item.frames, item.position) for item in items] == [
        ("run-1", (frames[0],), None),
        ("run-2", (frames[1],), None),
        ("run-3", (frames[2],), None),
    ]


def test_no_item_is_left_open_at_the_end() -> None:
    trigger = EveryFrame(EveryFrameOptions(), lambda: "id")
    trigger.feed(frame(1))
    assert trigger.flush() == []


def test_the_table_knows_it_by_its_name() -> None:
    assert TRIGGERS.load("every-frame") is EveryFrame
