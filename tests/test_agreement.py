"""The journal against the far end's own log: every kind of contradiction is found, and nothing else."""

from typing import Any

import pytest

from appliance.agreement import Agreement, compare

CHANNELS = {"cans": 1, "plastic": 3, "rest": 0, "nothing": None}


def item(seq: int | None, outcome: str = "sorted", bin_name: str = "cans") -> dict[str, Any]:
    return {"item": f"r-{seq}", "seq": seq, "outcome": outcome, "bin": bin_name}


def logged(seq: int | None, result: str = "moved", channel: int | None = 1) -> dict[str, Any]:
    return {"seq": seq, "channel": channel, "result": result}


def test_two_logs_that_tell_the_same_story_agree() -> None:
    items = [
        item(1),
        item(2, "rejected", "rest"),
        item(3, "failed"),
        item(4, "uncertain", "plastic"),
        item(5, "uncertain"),
        item(6, "uncertain"),
        item(None, "sorted", "nothing"),
        item(None, "missed"),
    ]
    log = [
        logged(1),
        logged(2, channel=0),
        logged(3, "refused"),
        logged(4, "silent", channel=3),
        logged(5, "jammed"),
    ]
    agreement = compare(items, log, CHANNELS)
    assert agreement == Agreement(commands=6, logged=5, moved=3, contradictions=())
    assert agreement.agree


def test_nothing_on_both_sides_agrees() -> None:
    assert compare([], [], CHANNELS) == Agreement(0, 0, 0, ())


@pytest.mark.parametrize(
    ("items", "log", "sentences"),
    [
        ([], [logged(7)], ["the far end was sent 7 (channel 1), which the journal does not know"]),
        ([], [logged(None)], ["the far end was sent None (channel 1), which the journal does not know"]),
        (
            [],
            [logged(None, "malformed", None)],
            ["the far end was sent None (channel None), which the journal does not know"],
        ),
        ([item(1)], [], ["item r-1 (seq 1, sorted) was moved 0 times"]),
        ([item(1)], [logged(1, "refused")], ["item r-1 (seq 1, sorted) was moved 0 times"]),
        ([item(1, "rejected", "rest")], [], ["item r-1 (seq 1, rejected) was moved 0 times"]),
        (
            [item(1)],
            [logged(1), logged(1)],
            ["item r-1 (seq 1, sorted) was sent 2 times", "item r-1 (seq 1, sorted) was moved 2 times"],
        ),
        ([item(1, "failed")], [logged(1)], ["item r-1 (seq 1, failed) was moved all the same"]),
        ([item(1, "failed")], [logged(1, "silent")], ["item r-1 (seq 1, failed) was moved all the same"]),
        ([item(1)], [logged(1, channel=3)], ["item r-1 (seq 1, sorted) went to channel 3, not 1"]),
        ([item(1, "uncertain")], [logged(1, channel=3)], ["item r-1 (seq 1, uncertain) went to channel 3, not 1"]),
        (
            [item(1, "uncertain")],
            [logged(1), logged(1)],
            ["item r-1 (seq 1, uncertain) was sent 2 times"],
        ),
        (
            [item(1, "uncertain")],
            [logged(1, "refused"), logged(1)],
            ["item r-1 (seq 1, uncertain) was sent 2 times"],
        ),
        ([item(1, bin_name="gone")], [logged(1)], ["item r-1 (seq 1, sorted) went to channel 1, not None"]),
    ],
)
def test_a_contradiction_is_told_in_a_sentence(
    items: list[dict[str, Any]], log: list[dict[str, Any]], sentences: list[str]
) -> None:
    agreement = compare(items, log, CHANNELS)
    assert list(agreement.contradictions) == sentences
    assert not agreement.agree


def test_contradictions_do_not_hide_each_other() -> None:
    items = [item(1), item(2, "failed"), item(3)]
    log = [logged(2), logged(3, channel=0), logged(9)]
    agreement = compare(items, log, CHANNELS)
    assert agreement == Agreement(
        3,
        3,
        3,
        (
            "the far end was sent 9 (channel 1), which the journal does not know",
            "item r-1 (seq 1, sorted) was moved 0 times",
            "item r-2 (seq 2, failed) was moved all the same",
            "item r-3 (seq 3, sorted) went to channel 0, not 1",
        ),
    )


def test_the_rows_may_come_from_a_generator() -> None:
    assert compare((item(n) for n in (1, 2)), (logged(n) for n in (1, 2)), CHANNELS) == Agreement(2, 2, 2, ())
