"""Ten thousand items over bad lines in virtual time, and a judge who would notice. `make acceptance` has a million."""

import random
from dataclasses import replace

import pytest
from link_judge import EARLY_NS, Verdict, judge, matched
from link_trials import noise_of, tried
from link_world import Item, Moved, Plan

from appliance.records import AckStatus

S = 10**9
ITEM = Item(7, 3, 10 * S, 11 * S, [(AckStatus.DONE, 12 * S)])
MOVED = Moved(7, 3, 10 * S, 10 * S + 60_000_000, whole=True)


@pytest.mark.parametrize(
    ("kind", "share", "wanted"), [("loss", 0.005, 0.999), ("all", 0.005, 0.995), ("all", 0.01, 0.985)]
)
def test_a_line_that_makes_noise_moves_nearly_all_and_breaks_no_promise(kind: str, share: float, wanted: float) -> None:
    trial = tried(Plan(noise_of(kind, share), 2000, seed=1))

    assert trial.verdict.items == 2000
    assert trial.verdict.broken == 0
    assert trial.verdict.share >= wanted


@pytest.mark.parametrize(("kind", "share"), [("all", 0.001), ("all", 0.01), ("loss", 0.05), ("all", 0.2)])
def test_resets_reconnects_restarts_and_hangs_break_no_promise(kind: str, share: float) -> None:
    trial = tried(Plan(noise_of(kind, share), 1000, seed=2, trouble_s=3.0))

    assert trial.verdict.items == 1000
    assert trial.verdict.broken == 0
    assert trial.troubles >= 8
    assert trial.handshakes >= 4


def test_the_same_seed_gives_the_same_run() -> None:
    plan = Plan(noise_of("all", 0.01), 100, seed=random.randrange(1000), trouble_s=3.0)

    assert tried(plan) == tried(plan)


def ended(*statuses: AckStatus) -> Item:
    return replace(ITEM, ended=[(status, 12 * S) for status in statuses])


@pytest.mark.parametrize(
    ("item", "moved", "found"),
    [
        (ITEM, [MOVED], {"moved": 1, "done": 1}),
        (ITEM, [MOVED, MOVED], {"moved": 1, "done": 1, "duplicate": 1}),
        (ITEM, [], {"done": 1, "wrong": 1}),
        (ITEM, [replace(MOVED, channel=4)], {"moved": 1, "done": 1, "wrong": 1}),
        (ITEM, [replace(MOVED, whole=False)], {"done": 1, "wrong": 1}),
        (ITEM, [replace(MOVED, ended_ns=13 * S)], {"moved": 1, "done": 1, "wrong": 1}),
        (ITEM, [replace(MOVED, started_ns=11 * S + 1)], {"done": 1, "stale": 1}),
        (ITEM, [replace(MOVED, started_ns=10 * S - EARLY_NS - 1)], {"done": 1, "stale": 1}),
        (ended(AckStatus.FAILED), [], {"failed": 1}),
        (ended(AckStatus.FAILED), [MOVED], {"moved": 1, "failed": 1, "wrong": 1}),
        (ended(AckStatus.UNKNOWN), [MOVED], {"moved": 1, "unknown": 1, "unknown_moved": 1}),
        (ended(), [MOVED], {"moved": 1, "without": 1}),
        (ended(AckStatus.DONE, AckStatus.DONE), [MOVED], {"moved": 1, "done": 1, "without": 1}),
        (
            replace(ITEM, ended=[(AckStatus.UNKNOWN, 9 * S)]),
            [MOVED],
            {"moved": 1, "unknown": 1, "unknown_moved": 1, "later": 1},
        ),
        (ITEM, [MOVED, replace(MOVED, seq=8)], {"moved": 1, "done": 1, "stray": 1}),
    ],
)
def test_the_judge_sees_what_went_wrong(item: Item, moved: list[Moved], found: dict[str, int]) -> None:
    assert judge([item], moved) == Verdict(**{"items": 1, **found})


@pytest.mark.parametrize(
    ("movements", "found"),
    [
        ([(3, 10 * S)], (0, 0)),
        ([], (0, 1)),
        ([(3, 10 * S), (3, 10 * S + 1)], (1, 0)),
        ([(4, 10 * S)], (1, 1)),
        ([(3, 11 * S + 5)], (0, 0)),
        ([(3, 11 * S + 6)], (1, 1)),
        ([(3, 10 * S - 1)], (1, 1)),
    ],
)
def test_movements_without_a_number_are_matched_with_items(movements: list[tuple[int, int]], found: object) -> None:
    items = [ITEM, replace(ended(AckStatus.FAILED), seq=8), replace(ended(AckStatus.UNKNOWN), seq=9, channel=5)]

    assert matched(items, movements, lag_ns=5) == found
