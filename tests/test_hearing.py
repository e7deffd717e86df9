"""An item is decided as soon as its frames agree, at the latest with its last offer, and never twice."""

from collections.abc import Sequence

import numpy as np

from appliance.decide import Policy
from appliance.hearing import Hearing
from appliance.records import Decision, Frame, Item, Pixels, Prediction, Rule

POLICY = Policy(
    labels=("can", "glass"),
    bins={"can": "cans", "glass": "glass"},
    channels={"cans": 1, "glass": 2, "rest": 0},
    reject_bin="rest",
    threshold=0.6,
    frames=3,
    agreement=0.9,
)


class Script:
    """A classifier that says labels in turn: "can?" is a can of which it is not sure."""

    def __init__(self, words: str) -> None:
        self.words = words.split()
        self.asked = 0

    def __call__(self, pixels: Pixels) -> Prediction:
        word, self.asked = self.words[self.asked], self.asked + 1
        label, sure = word.rstrip("?"), 0.55 if word.endswith("?") else 0.9
        other = "glass" if label == "can" else "can"
        return Prediction(label, sure, (sure, 1 - sure) if label == "can" else (1 - sure, sure), other)


def offer(*frames: int, item: str = "a", last: bool = False) -> Item:
    pixels = np.zeros((8, 8, 3), np.uint8)
    return Item(item, tuple(Frame(number, number, "test", pixels, f"#{number}") for number in frames), last=last)


def heard(words: str, offers: Sequence[Item], policy: Policy = POLICY) -> tuple[list[Decision | None], int]:
    hearing, script = Hearing(), Script(words)
    return [hearing.hear(one, script, policy) for one in offers], script.asked


def rules(decisions: Sequence[Decision | None]) -> list[Rule | None]:
    return [decision and decision.rule for decision in decisions]


def test_it_is_decided_with_the_first_frames_that_agree() -> None:
    decisions, _ = heard("can can can", [offer(1), offer(2), offer(3)])
    assert rules(decisions) == [None, None, Rule.LABEL]


def test_a_frame_that_disagrees_is_waited_out() -> None:
    decisions, _ = heard("glass can can can", [offer(number) for number in (1, 2, 3, 4)])
    assert rules(decisions) == [None, None, None, Rule.LABEL]


def test_a_doubtful_label_waits_for_a_better_one() -> None:
    decisions, _ = heard("can? can", [offer(1), offer(2)], Policy(**_fields() | {"frames": 1}))
    assert rules(decisions) == [None, Rule.LABEL]


def test_a_label_that_is_never_decided_needs_no_more_frames() -> None:
    decisions, _ = heard("can", [offer(1)], Policy(**_fields() | {"frames": 1, "never": frozenset({"can"})}))
    assert rules(decisions) == [Rule.NEVER]


def test_the_last_offer_is_decided_with_what_was_heard() -> None:
    decisions, _ = heard("can glass", [offer(1), offer(2, last=True)])
    assert rules(decisions) == [None, Rule.BELOW_THRESHOLD]


def test_a_frame_that_is_offered_again_is_not_asked_again() -> None:
    decisions, asked = heard("can", [offer(1), offer(1, last=True)])
    assert (rules(decisions), asked) == ([None, Rule.LABEL], 1)


def test_all_frames_of_a_single_offer_are_heard_but_no_more_than_asked_for() -> None:
    decisions, asked = heard("can can can", [offer(1, 2, 3, 4, 5, last=True)])
    assert (rules(decisions), asked) == ([Rule.LABEL], 3)


def test_another_item_starts_afresh() -> None:
    decisions, asked = heard("can can glass glass glass", [
        offer(1), offer(2), offer(2, item="b"), offer(3, item="b"), offer(4, item="b"),
    ])  # fmt: skip
    assert [decision and decision.label for decision in decisions] == [None, None, None, None, "glass"]
    assert asked == 5


def test_a_closed_item_is_known_until_the_next_is_closed() -> None:
    hearing = Hearing()
    assert not hearing.closed(offer(1))
    hearing.close(offer(1))
    assert (hearing.closed(offer(2)), hearing.closed(offer(2, item="b"))) == (True, False)


def _fields() -> dict[str, object]:
    return {name: getattr(POLICY, name) for name in Policy.__dataclass_fields__}
