"""Pictures kept for people: which ones, within the budget, and never at the price of an item."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support import file_system

import appliance.evidence
from appliance.config import EvidenceOptions
from appliance.evidence import Evidence
from appliance.preprocess import Region
from appliance.records import Decision, Outcome, OutcomeKind, Rule

SMOOTH = np.full((48, 64, 3), 90, np.uint8)


def noise(side: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def outcome(name: str, kind: OutcomeKind = OutcomeKind.REJECTED) -> Outcome:
    rule = Rule.LABEL if kind is OutcomeKind.SORTED else Rule.BELOW_THRESHOLD
    return Outcome(name, 1, "a.jpg", 0, kind, Decision("rest", rule, "can", 0.4), 1, 5.0)


def options(**changes: Any) -> EvidenceOptions:
    return EvidenceOptions(**changes)


def offer_all(evidence: Evidence, offered: list[tuple[Outcome, NDArray[np.uint8]]]) -> None:
    """Offer pictures no faster than they are written, as items come, and end."""
    for one, pixels in offered:
        deadline = time.monotonic() + 5
        while not evidence._queue.empty() and time.monotonic() < deadline:
            time.sleep(0.001)
        evidence.offer(one, pixels)
    evidence.close()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 256 kB."""
    with file_system(tmp_path / "disk", "256k") as place:
        yield place


def test_a_picture_is_kept_under_its_items_name(tmp_path: Path) -> None:
    offer_all(Evidence(tmp_path / "evidence", options()), [(outcome("run-1"), SMOOTH)])
    assert names(tmp_path / "evidence") == {"run-1.jpg"}
    kept = cv2.imread(str(tmp_path / "evidence" / "run-1.jpg"))
    assert kept is not None
    assert kept.shape == SMOOTH.shape
    assert np.abs(kept.astype(int) - SMOOTH).max() <= 4


def test_only_the_region_is_kept(tmp_path: Path) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[8:24, 16:48] = 200
    offer_all(Evidence(tmp_path, options(), Region(16, 8, 32, 16)), [(outcome("a"), pixels)])
    kept = cv2.imread(str(tmp_path / "a.jpg"))
    assert kept is not None
    assert kept.shape == (16, 32, 3)
    assert kept.min() > 190


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        ({"keep": "all", "every": 0}, {"s1", "s2", "s3", "s4", "rejected", "missed", "failed", "uncertain"}),
        ({"keep": "unsure", "every": 0}, {"rejected", "missed", "failed", "uncertain"}),
        ({"keep": "unsure", "every": 2}, {"s2", "s4", "rejected", "missed", "failed", "uncertain"}),
        ({"keep": "unsure", "every": 1}, {"s1", "s2", "s3", "s4", "rejected", "missed", "failed", "uncertain"}),
    ],
)
def test_the_options_say_which_pictures_are_kept(tmp_path: Path, chosen: dict[str, Any], kept: set[str]) -> None:
    offered = [outcome(f"s{n}", OutcomeKind.SORTED) for n in (1, 2, 3, 4)]
    offered += [outcome(kind.value, kind) for kind in OutcomeKind if kind is not OutcomeKind.SORTED]
    offer_all(Evidence(tmp_path, options(**chosen)), [(one, SMOOTH) for one in offered])
    assert names(tmp_path) == {f"{name}.jpg" for name in kept}


def test_none_keeps_nothing_and_starts_nothing(tmp_path: Path) -> None:
    before = threading.active_count()
    evidence = Evidence(tmp_path / "evidence", options(keep="none"))
    assert threading.active_count() == before
    offer_all(evidence, [(outcome("a"), SMOOTH)])
    assert not (tmp_path / "evidence").exists()


# The budget


def test_the_budget_is_kept_and_the_oldest_go_first(tmp_path: Path) -> None:
    pictures = [(outcome(f"item-{n:03}"), noise(300, n)) for n in range(12)]
    offer_all(Evidence(tmp_path, options(budget_mb=1, quality=100)), pictures)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sum(sizes.values()) <= 1_000_000
    assert 2 <= len(sizes) < 12
    assert sorted(sizes) == [f"item-{n:03}.jpg" for n in range(12 - len(sizes), 12)]
    assert sum(sizes.values()) + max(sizes.values()) > 1_000_000  # no more went than had to


def test_what_earlier_runs_left_counts_and_goes_first(tmp_path: Path) -> None:
    now = time.time()
    for n, name in enumerate(["z-oldest", "a-middle", "m-newest"]):
        (tmp_path / f"{name}.jpg").write_bytes(bytes(330_000))
        os.utime(tmp_path / f"{name}.jpg", (now - 100 + n, now - 100 + n))
    (tmp_path / "torn.jpg.part").write_bytes(bytes(5000))
    (tmp_path / "notes.txt").write_text("not ours")
    offer_all(Evidence(tmp_path, options(budget_mb=1, quality=100)), [(outcome("new"), noise(300))])
    assert names(tmp_path) == {"a-middle.jpg", "m-newest.jpg", "new.jpg", "notes.txt"}


def test_a_picture_larger_than_the_whole_budget_is_not_kept_and_displaces_nothing(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path, options(budget_mb=1, quality=100))
    offer_all(evidence, [(outcome("small"), SMOOTH), (outcome("huge"), noise(900))])
    assert names(tmp_path) == {"small.jpg"}
    assert evidence.not_kept == 1


# Disks and pictures that will not do


def test_a_full_disk_costs_pictures_only_and_leaves_no_pieces(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    evidence = Evidence(small_disk / "evidence", options(quality=100))
    offer_all(evidence, [(outcome(f"item-{n}"), noise(120, n)) for n in range(20)])
    assert evidence.not_kept > 0
    kept = names(small_disk / "evidence")
    assert len(kept) + evidence.not_kept == 20
    assert all(name.endswith(".jpg") for name in kept)
    assert all(cv2.imread(str(small_disk / "evidence" / name)) is not None for name in kept)
    assert len(caplog.records) < 8


def test_a_disk_with_space_again_is_used_again(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(250_000))
    evidence = Evidence(small_disk / "evidence", options(quality=100))
    evidence.offer(outcome("lost"), noise(120))
    deadline = time.monotonic() + 5
    while not evidence.not_kept and time.monotonic() < deadline:
        time.sleep(0.005)
    (small_disk / "filler").unlink()
    offer_all(evidence, [(outcome("kept"), noise(120))])
    assert names(small_disk / "evidence") == {"kept.jpg"}


def test_a_read_only_disk_never_raises(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    evidence = Evidence(small_disk / "evidence", options())
    offer_all(evidence, [(outcome("a"), SMOOTH)])
    assert evidence.not_kept == 1


def test_a_file_in_the_folders_place_never_raises(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("in the way")
    evidence = Evidence(tmp_path / "evidence", options())
    offer_all(evidence, [(outcome("a"), SMOOTH)])
    assert evidence.not_kept == 1
    assert (tmp_path / "evidence").read_text() == "in the way"


def test_a_region_that_leaves_the_picture_never_raises(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path, options(), Region(0, 0, 1000, 1000))
    offer_all(evidence, [(outcome("a"), SMOOTH)])
    assert (evidence.not_kept, names(tmp_path)) == (1, set())


def test_a_disk_that_hangs_never_holds_up_an_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder stands for a card that takes seconds: what does not fit into the queue is given up at once."""
    go_on = threading.Event()
    encode = cv2.imencode
    monkeypatch.setattr(appliance.evidence.cv2, "imencode", lambda *args: (go_on.wait(10), encode(*args))[1])
    evidence = Evidence(tmp_path, options())
    began = time.monotonic()
    for n in range(100):
        evidence.offer(outcome(f"item-{n}"), SMOOTH)
    assert time.monotonic() - began < 1
    assert evidence.not_kept >= 100 - 16 - 1
    go_on.set()
    evidence.close()
    assert len(names(tmp_path)) + evidence.not_kept == 100


def test_closing_ends_the_thread(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path, options())
    evidence.close()
    assert [thread for thread in threading.enumerate() if thread.name == "evidence"] == []
