"""The loop with real parts: what is stale, silent, busy, lost or paused moves nothing, and every item ends once."""

import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support import TwinControl

from appliance.camera.folder import FolderCamera, FolderOptions
from appliance.camera.simulated import Fault, SimulatedCamera, SimulatedOptions
from appliance.classifier.scripted import Answer, ScriptedClassifier, ScriptedOptions
from appliance.config import EvidenceOptions, JournalOptions
from appliance.control import Switches
from appliance.decide import Policy
from appliance.errors import CameraError, LinkError, ModelError
from appliance.evidence import Evidence
from appliance.health import Health, Notifier
from appliance.history import open_history
from appliance.intake import Patience
from appliance.journal import Journal, RunInfo
from appliance.loop import Limits, Parts, SortingLoop
from appliance.preprocess import Region
from appliance.records import (
    Ack,
    AckStatus,
    LinkEvent,
    Outcome,
    OutcomeKind,
    Prediction,
    Rule,
    SensorEvent,
    SortCommand,
)
from appliance.sorter import Capabilities
from appliance.sorter.framed import FramedOptions, FramedSorter
from appliance.sorter.simulated import SimulatedSorter, SimulatedSorterOptions
from appliance.trigger.every_frame import EveryFrame, EveryFrameOptions
from appliance.trigger.presence import Presence, PresenceOptions
from appliance.twin_log import read_log

POLICY = Policy(
    labels=("can", "glass", "empty"),
    bins={"can": "cans", "glass": "glass", "empty": "nothing"},
    channels={"cans": 1, "glass": 2, "nothing": None, "rest": 0},
    reject_bin="rest",
    threshold=0.6,
)
LIMITS = Limits("test", "", max_age_ms=200, camera=Patience(0.3, 1.0), storage_give_up_s=1.0)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        cv2.imwrite(str(folder / f"{number:02d}.png"), np.full((16, 16, 3), number * 20, np.uint8))
    return folder


@dataclass
class Bench:
    """A loop with its parts, and what came out of it."""

    loop: SortingLoop
    parts: Parts
    stop: threading.Event
    outcomes: list[Outcome]

    def kinds(self) -> Counter[str]:
        return Counter(one.kind.value for one in self.outcomes)

    def events(self, state_dir: Path) -> list[str]:
        self.parts.journal.close()
        with open_history(state_dir) as history:
            return [event["kind"] for event in history.events()]


@contextmanager
def assembled(
    state_dir: Path,
    camera: Any,
    sorter: Any = None,
    answers: tuple[Answer, ...] = (Answer(label="can"),),
    limits: Limits = LIMITS,
    policy: Policy = POLICY,
    region: Region | None = None,
    presence: PresenceOptions | None = None,
) -> Iterator[Bench]:
    state_dir.mkdir(exist_ok=True)
    sorter = sorter or SimulatedSorter(SimulatedSorterOptions(kind="simulated", delay_ms=1))
    classifier = ScriptedClassifier(ScriptedOptions(kind="scripted", labels=policy.labels, answers=answers))
    journal = Journal(state_dir, JournalOptions(), RunInfo("0", "", classifier.name))
    evidence = Evidence(state_dir / "evidence", EvidenceOptions(keep="none"))
    numbers = itertools.count(1)

    def new_id() -> str:
        return f"{journal.run_id}-{next(numbers)}"

    trigger = Presence(presence, new_id) if presence else EveryFrame(EveryFrameOptions(), new_id)
    camera.open()
    capabilities = sorter.open()
    health, stop, outcomes = Health(Notifier({})), threading.Event(), list[Outcome]()
    parts = Parts(
        camera, trigger, classifier, policy, sorter, capabilities, journal, evidence, health, Switches(), region
    )
    yield Bench(SortingLoop(parts, limits, stop, on_outcome=outcomes.append), parts, stop, outcomes)
    camera.close()
    sorter.close()
    evidence.close()
    journal.close()


def folder(path: Path, **changes: Any) -> FolderCamera:
    return FolderCamera(FolderOptions(kind="folder", path=path, **changes))


def simulated(path: Path, *faults: Fault, **changes: Any) -> SimulatedCamera:
    options = {"fps": 50.0, "frames": 40} | changes
    return SimulatedCamera(SimulatedOptions(kind="simulated", pictures=path, faults=faults, **options))


def test_every_picture_of_a_folder_ends_once(pictures: Path, tmp_path: Path) -> None:
    answers = (Answer(label="can"), Answer(label="empty"), Answer(label="glass", confidence=0.5), Answer(label=None))
    with assembled(tmp_path / "state", folder(pictures), answers=answers) as bench:
        bench.loop.run()

        assert [one.source for one in sorted(bench.outcomes, key=lambda one: one.frame_id)] == [
            f"{number:02d}.png" for number in range(12)
        ]
        by_frame = sorted(bench.outcomes, key=lambda one: one.frame_id)[:4]
        assert [(one.kind, one.decision.bin, one.decision.rule) for one in by_frame] == [
            (OutcomeKind.SORTED, "cans", Rule.LABEL),
            (OutcomeKind.SORTED, "nothing", Rule.LABEL),
            (OutcomeKind.REJECTED, "rest", Rule.BELOW_THRESHOLD),
            (OutcomeKind.REJECTED, "rest", Rule.NO_SCORES),
        ]
        assert by_frame[1].seq is None


def test_an_old_frame_decides_nothing(pictures: Path, tmp_path: Path) -> None:
    camera = simulated(pictures, Fault(at=10, kind="repeat", seconds=0.2))
    with assembled(tmp_path / "state", camera) as bench:
        bench.loop.run()

        assert not [one for one in bench.outcomes if 11 <= one.frame_id <= 20]
        assert bench.parts.health.snapshot.stale >= 1
    assert max(one.frame_id for one in bench.outcomes) == 40


def test_a_live_picture_that_grew_too_old_moves_nothing(pictures: Path, tmp_path: Path) -> None:
    limits = replace(LIMITS, max_age_ms=50, items=3)
    with assembled(tmp_path / "state", simulated(pictures, fps=5.0), limits=limits) as bench:
        classify = bench.parts.classifier.classify

        def slowly(pixels: Any) -> Any:
            threading.Event().wait(0.1)
            return classify(pixels)

        bench.parts.classifier.classify = slowly  # type: ignore[method-assign]
        bench.loop.run()

    assert {(one.kind, one.decision.rule, one.seq) for one in bench.outcomes} == {
        (OutcomeKind.MISSED, Rule.STALE, None)
    }
    assert all(re.fullmatch(r"its best picture was \d{3,} ms old", one.detail) for one in bench.outcomes)


def test_a_stored_picture_does_not_age(pictures: Path, tmp_path: Path) -> None:
    limits = replace(LIMITS, max_age_ms=1, items=3)
    with assembled(tmp_path / "state", folder(pictures), limits=limits) as bench:
        bench.loop.run()

    assert bench.kinds() == Counter({"sorted": 3})


def test_a_stalled_camera_is_opened_again_and_sorting_goes_on(pictures: Path, tmp_path: Path) -> None:
    camera = simulated(pictures, Fault(at=10, kind="stall", seconds=0.5), frames=80)
    with assembled(tmp_path / "state", camera, limits=replace(LIMITS, camera=Patience(0.3, 5.0))) as bench:
        bench.loop.run()
        events = bench.events(tmp_path / "state")

    assert events[:2] == ["camera-lost", "camera-back"]
    assert max(one.frame_id for one in bench.outcomes) == 80
    assert set(bench.kinds()) == {"sorted"}


def test_a_camera_that_disappears_and_comes_back_costs_only_its_absence(pictures: Path, tmp_path: Path) -> None:
    camera = simulated(pictures, Fault(at=10, kind="disappear", seconds=0.7), frames=120)
    with assembled(tmp_path / "state", camera, limits=replace(LIMITS, camera=Patience(0.3, 5.0))) as bench:
        bench.loop.run()
        events = bench.events(tmp_path / "state")

    assert events[:2] == ["camera-lost", "camera-back"]
    assert not [one for one in bench.outcomes if 11 <= one.frame_id <= 45]
    assert max(one.frame_id for one in bench.outcomes) == 120


def test_a_camera_that_stays_away_ends_the_run(pictures: Path, tmp_path: Path) -> None:
    camera = simulated(pictures, Fault(at=5, kind="disappear", seconds=60), frames=None)
    with assembled(tmp_path / "state", camera) as bench, pytest.raises(CameraError, match="it is gone"):
        bench.loop.run()


def test_a_corrupt_frame_is_skipped(pictures: Path, tmp_path: Path) -> None:
    with assembled(tmp_path / "state", simulated(pictures, Fault(at=7, kind="corrupt"), frames=20)) as bench:
        bench.loop.run()
        events = bench.events(tmp_path / "state")

    assert "frame-skipped" in events
    assert 8 not in {one.frame_id for one in bench.outcomes}
    assert bench.parts.health.snapshot.skipped == 1


def test_live_items_that_pass_a_busy_sorter_are_missed_not_queued(pictures: Path, tmp_path: Path) -> None:
    sorter = SimulatedSorter(SimulatedSorterOptions(kind="simulated", delay_ms=400))
    camera = simulated(pictures, frames=50)
    with assembled(tmp_path / "state", camera, sorter, limits=replace(LIMITS, max_age_ms=50)) as bench:
        bench.loop.run()

    missed = [one for one in bench.outcomes if one.kind is OutcomeKind.MISSED]
    assert missed
    rules = {one.decision.rule for one in missed}
    assert Rule.BUSY in rules
    assert rules <= {Rule.BUSY, Rule.STALE}  # a busy computer lets pictures grow old before the sorter is asked
    assert bench.kinds()["sorted"] >= 2


def test_refusals_and_silence_have_their_own_ends(pictures: Path, tmp_path: Path) -> None:
    options = SimulatedSorterOptions(kind="simulated", delay_ms=1, timeout_s=0.05, refuse_every=3, silent_every=4)
    with assembled(tmp_path / "state", folder(pictures), SimulatedSorter(options)) as bench:
        bench.loop.run()

    assert bench.kinds() == Counter({"sorted": 6, "failed": 3, "uncertain": 3})


def test_it_stops_after_so_many_items(pictures: Path, tmp_path: Path) -> None:
    limits = replace(LIMITS, items=5)
    with assembled(tmp_path / "state", folder(pictures, loop=True), limits=limits) as bench:
        bench.loop.run()

    assert len(bench.outcomes) == 5


def test_a_pause_holds_back_the_item_that_is_being_decided(pictures: Path, tmp_path: Path) -> None:
    with assembled(tmp_path / "state", folder(pictures)) as bench:
        classify = bench.parts.classifier.classify

        def pause_while_classifying(pixels: Any) -> Any:
            bench.parts.switches.pause()
            threading.Timer(0.3, bench.parts.switches.resume).start()
            bench.parts.classifier.classify = classify  # type: ignore[method-assign]
            return classify(pixels)

        bench.parts.classifier.classify = pause_while_classifying  # type: ignore[method-assign]
        before_ns = _now()
        bench.loop.step()

        assert _now() - before_ns > 250_000_000
        bench.loop.run()
        assert bench.kinds() == Counter({"sorted": 12})


def test_a_live_item_that_is_being_decided_when_the_pause_comes_is_missed(pictures: Path, tmp_path: Path) -> None:
    with assembled(tmp_path / "state", simulated(pictures, frames=10)) as bench:
        classify = bench.parts.classifier.classify

        def pause_while_classifying(pixels: Any) -> Any:
            bench.parts.switches.pause()
            return classify(pixels)

        bench.parts.classifier.classify = pause_while_classifying  # type: ignore[method-assign]
        while not bench.outcomes:
            bench.loop.step()

        assert [(one.kind, one.decision.rule, one.seq) for one in bench.outcomes] == [
            (OutcomeKind.MISSED, Rule.PAUSED, None)
        ]


def test_a_live_item_that_was_in_sight_when_the_pause_came_ends_paused(stream: Path, tmp_path: Path) -> None:
    """Its pictures are older than the pause; those of after it show an empty region."""
    camera, policy = folder(stream, fps=10.0), replace(POLICY, frames=8)
    with assembled(tmp_path / "state", camera, policy=policy, presence=PRESENCE) as bench:
        while not bench.parts.trigger.status().counters["items"]:
            bench.loop.step()
        bench.loop.step()
        bench.parts.switches.pause()
        threading.Timer(3.0, bench.parts.switches.resume).start()
        bench.loop.run()

    assert [(one.kind, one.decision.rule, one.seq) for one in bench.outcomes] == [
        (OutcomeKind.MISSED, Rule.PAUSED, None)
    ]


def test_a_live_item_that_still_lies_there_after_a_pause_is_sorted_by_a_new_picture(
    stream: Path, tmp_path: Path
) -> None:
    camera, policy = folder(stream, fps=10.0), replace(POLICY, frames=8)
    options = PRESENCE.model_copy(update={"decide_after_ms": 1900})
    with assembled(tmp_path / "state", camera, policy=policy, presence=options) as bench:
        while not bench.parts.trigger.status().counters["items"]:
            bench.loop.step()
        bench.loop.step()
        bench.parts.switches.pause()
        threading.Timer(0.5, bench.parts.switches.resume).start()
        bench.loop.run()

    assert [(one.kind, one.decision.rule) for one in bench.outcomes] == [(OutcomeKind.SORTED, Rule.LABEL)]
    assert bench.outcomes[0].latency_ms < LIMITS.max_age_ms


def test_a_camera_that_repeats_an_old_picture_for_ever_ends_the_run(pictures: Path, tmp_path: Path) -> None:
    camera = simulated(pictures, Fault(at=5, kind="repeat", seconds=600), frames=None)
    with assembled(tmp_path / "state", camera) as bench:
        with pytest.raises(CameraError, match="no new picture"):
            bench.loop.run()
        events = bench.events(tmp_path / "state")

    assert "camera-lost" in events
    assert bench.kinds()["sorted"] <= 6


def test_an_item_whose_classification_fails_is_missed_and_ends_the_run(pictures: Path, tmp_path: Path) -> None:
    with assembled(tmp_path / "state", folder(pictures)) as bench:

        def fail(pixels: Any) -> Any:
            raise ModelError("running the model", "it broke")

        bench.parts.classifier.classify = fail  # type: ignore[method-assign]
        with pytest.raises(ModelError):
            bench.loop.run()

    assert [(one.kind, one.decision.rule) for one in bench.outcomes] == [(OutcomeKind.MISSED, Rule.ABANDONED)]


def test_a_link_lost_while_an_item_is_decided_leaves_the_item_an_outcome(pictures: Path, tmp_path: Path) -> None:
    sorter = _Cut()
    sorter.restore()
    with assembled(tmp_path / "state", folder(pictures), sorter) as bench:

        def cut(pixels: Any) -> Any:
            sorter.cut()
            return Prediction("can", 1.0, (1.0, 0.0, 0.0))

        bench.parts.classifier.classify = cut  # type: ignore[method-assign]
        with pytest.raises(LinkError, match="stayed away"):
            bench.loop.run()

    assert [(one.kind, one.decision.rule) for one in bench.outcomes] == [(OutcomeKind.MISSED, Rule.ABANDONED)]


def test_a_stop_is_heard_while_an_item_waits_for_the_link(pictures: Path, tmp_path: Path) -> None:
    sorter = _Cut()
    sorter.recovery_s = 600
    sorter.restore()
    with assembled(tmp_path / "state", folder(pictures), sorter) as bench:

        def cut(pixels: Any) -> Any:
            sorter.cut()
            threading.Timer(0.2, bench.stop.set).start()
            return Prediction("can", 1.0, (1.0, 0.0, 0.0))

        bench.parts.classifier.classify = cut  # type: ignore[method-assign]
        bench.loop.run()

    assert [(one.kind, one.decision.rule) for one in bench.outcomes] == [(OutcomeKind.MISSED, Rule.ABANDONED)]


def test_pictures_that_do_not_hold_the_region_are_skipped(pictures: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(pictures / "05-small.png"), np.zeros((8, 8, 3), np.uint8))
    with assembled(tmp_path / "state", folder(pictures), region=Region(4, 4, 12, 12)) as bench:
        bench.loop.run()

    assert (len(bench.outcomes), bench.parts.health.snapshot.skipped) == (12, 1)


def test_a_folder_of_nothing_but_unreadable_pictures_is_a_camera_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    for number in range(3):
        (bad / f"{number}.jpg").write_bytes(b"no picture")
    with assembled(tmp_path / "state", folder(bad)) as bench, pytest.raises(CameraError, match="none of them"):
        bench.loop.run()


def test_a_folder_that_only_gives_unreadable_pictures_for_ever_ends_the_run(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "0.jpg").write_bytes(b"no picture")
    with assembled(tmp_path / "state", folder(bad, loop=True)) as bench:
        with pytest.raises(CameraError, match="no new picture"):
            bench.loop.run()
        assert bench.parts.health.snapshot.skipped < 60  # it slows down instead of spinning


def test_while_paused_a_live_cameras_pictures_are_let_go_and_one_can_see_that_they_come(
    pictures: Path, tmp_path: Path
) -> None:
    with assembled(tmp_path / "state", folder(pictures, fps=50, loop=True)) as bench:
        bench.parts.switches.pause()
        snapshots = []
        for _ in range(12):
            bench.loop.step()
            snapshots.append(bench.parts.health.snapshot)

    assert {(one.state, one.frames, one.items) for one in snapshots[1:]} == {("paused", 0, 0)}
    assert snapshots[-1].dropped > 0
    assert snapshots[-1].picture_age_s < 1
    assert "pictures arrive" in snapshots[-1].line()


def test_while_paused_a_camera_that_gives_nothing_is_seen_to_and_opened_again_afterwards(
    pictures: Path, tmp_path: Path
) -> None:
    camera = folder(pictures, fps=50, loop=True)
    with assembled(tmp_path / "state", camera) as bench:
        bench.loop.step()
        bench.parts.switches.pause()
        camera.close()
        deadline = time.monotonic() + 20
        while (bench.parts.health.snapshot.picture_age_s or 0) < 2.1 and time.monotonic() < deadline:
            bench.loop.step()
        assert "no new picture for 2 s" in bench.parts.health.snapshot.line()
        bench.parts.switches.resume()
        while not bench.parts.health.snapshot.restarts and time.monotonic() < deadline:
            bench.loop.step()
        assert bench.parts.health.snapshot.restarts == 1


def test_stored_pictures_wait_for_the_end_of_a_pause_and_have_no_age(pictures: Path, tmp_path: Path) -> None:
    with assembled(tmp_path / "state", folder(pictures)) as bench:
        bench.parts.switches.pause()
        for _ in range(5):
            bench.loop.step()
        assert (bench.parts.health.snapshot.dropped, bench.parts.health.snapshot.picture_age_s) == (0, None)


def test_while_paused_no_frame_is_taken(pictures: Path, tmp_path: Path) -> None:
    with assembled(tmp_path / "state", folder(pictures)) as bench:
        bench.parts.switches.pause()
        for _ in range(5):
            bench.loop.step()
        assert (bench.outcomes, bench.parts.health.snapshot.state) == ([], "paused")
        bench.parts.switches.resume()
        bench.loop.run()

    assert len(bench.outcomes) == 12


class _Cut:
    """A far end whose line is cut from the start, and comes back when told: for what the loop does meanwhile."""

    recovery_s = 0.5

    def __init__(self) -> None:
        self.up = False
        self._events: list[Ack | LinkEvent | SensorEvent] = []

    def open(self) -> Capabilities:
        self._events.append(LinkEvent("link-down", _now(), "cut"))
        return Capabilities("cut", True, 0.1)

    @property
    def ready(self) -> bool:
        return self.up

    def cut(self) -> None:
        self.up = False
        self._events.append(LinkEvent("link-down", _now(), "cut"))

    def restore(self) -> None:
        self.up = True
        self._events.append(LinkEvent("link-up", _now(), "back"))

    def submit(self, command: SortCommand) -> None:
        self._events.append(Ack(command.seq, AckStatus.DONE, _now()))

    def sense(self, event: SensorEvent) -> None:
        self._events.append(event)

    def events(self, timeout_s: float) -> list[Ack | LinkEvent | SensorEvent]:
        if not self._events:
            threading.Event().wait(timeout_s)
        taken, self._events = self._events, []
        return taken

    def stop(self) -> None: ...

    def close(self) -> None: ...


def _now() -> int:
    import time

    return time.monotonic_ns()


def test_live_items_that_pass_while_the_link_is_down_are_missed(pictures: Path, tmp_path: Path) -> None:
    sorter = _Cut()
    sorter.recovery_s = 30
    limits = replace(LIMITS, max_age_ms=40)
    with assembled(tmp_path / "state", simulated(pictures, frames=10), sorter, limits=limits) as bench:
        bench.loop.run()

    assert {(one.kind, one.decision.rule) for one in bench.outcomes} == {(OutcomeKind.MISSED, Rule.LINK_DOWN)}


def test_pictures_of_a_folder_wait_for_the_link(pictures: Path, tmp_path: Path) -> None:
    sorter = _Cut()
    sorter.recovery_s = 30
    with assembled(tmp_path / "state", folder(pictures), sorter) as bench:
        for _ in range(3):
            bench.loop.step()
        assert (bench.outcomes, bench.parts.health.snapshot.state) == ([], "waiting for the link")
        sorter.restore()
        bench.loop.run()

    assert bench.kinds() == Counter({"sorted": 12})


def test_a_link_that_stays_away_ends_the_run(pictures: Path, tmp_path: Path) -> None:
    with assembled(tmp_path / "state", folder(pictures), _Cut()) as bench:
        with pytest.raises(LinkError, match="stayed away"):
            bench.loop.run()
        assert bench.outcomes == []


@pytest.mark.parametrize("make", [folder, simulated])
def test_progress_is_stamped_while_there_is_any(make: Callable[[Path], Any], pictures: Path, tmp_path: Path) -> None:
    with assembled(tmp_path / "state", make(pictures)) as bench:
        bench.loop.run()

        assert bench.parts.health.progress_age_s < 5
        assert bench.parts.health.snapshot is not None
        assert bench.parts.health.snapshot.items == len(bench.outcomes)


PRESENCE = PresenceOptions(kind="presence", decide_after_ms=600, clear_after_ms=1000)


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    """Thirty pictures, to be shown ten a second: a disc lies there from the sixth to the twenty-eighth."""
    folder = tmp_path / "stream"
    folder.mkdir()
    for number in range(30):
        pixels = np.full((64, 64, 3), 140, np.uint8)
        if 5 <= number < 28:
            cv2.circle(pixels, (32, 32), 12, (40, 60, 200), -1)
        cv2.imwrite(str(folder / f"{number:02d}.png"), pixels)
    return folder


def test_an_item_of_a_stream_is_decided_as_soon_as_its_frames_agree(stream: Path, tmp_path: Path) -> None:
    answers = tuple(Answer(label=label) for label in ("glass", "can", "can", "can"))
    camera, policy = folder(stream, fps=10.0, paced=False), replace(POLICY, frames=3, agreement=1.0)
    with assembled(tmp_path / "state", camera, answers=answers, policy=policy, presence=PRESENCE) as bench:
        bench.loop.run()

    # The disc moves in with the sixth picture; the four from the seventh on show it at rest, and three agree.
    assert [(one.source, one.kind, one.decision.rule) for one in bench.outcomes] == [
        ("09.png", OutcomeKind.SORTED, Rule.LABEL)
    ]


def test_an_item_whose_frames_never_agree_is_decided_in_time(stream: Path, tmp_path: Path) -> None:
    answers = tuple(Answer(label=label) for label in ("glass", "can"))
    camera, policy = folder(stream, fps=10.0, paced=False), replace(POLICY, frames=4, agreement=0.9)
    with assembled(tmp_path / "state", camera, answers=answers, policy=policy, presence=PRESENCE) as bench:
        bench.loop.run()

    assert [(one.source, one.kind, one.decision.bin) for one in bench.outcomes] == [
        ("11.png", OutcomeKind.REJECTED, "rest")
    ]


def test_a_jam_reaches_the_journal_and_the_status_and_ends(stream: Path, tmp_path: Path) -> None:
    camera = folder(stream, fps=10.0, paced=False)
    with assembled(tmp_path / "state", camera, presence=PRESENCE) as bench:
        said = {}
        while not bench.parts.camera.ended:
            bench.loop.step()
            bench.loop._publish(f"after {camera.counters().frames}")
            said[camera.counters().frames - 1] = bench.parts.health.snapshot.trouble
        bench.loop.run()
        counters = bench.parts.health.snapshot.trigger
        bench.parts.journal.close()
        with open_history(tmp_path / "state") as history:
            events = [(event["kind"], event["item_id"]) for event in history.events()]

    # Seen with the picture 5, decided by 11, in the way from 21 on, gone with 28.
    assert [number for number, trouble in said.items() if trouble] == list(range(21, 28))
    assert set(said.values()) == {"", "jam: something lies in the region 1 s after it was decided"}
    item = bench.outcomes[0].item_id
    assert [event for event in events if event[0].startswith("jam")] == [("jam", item), ("jam-over", item)]
    assert (counters["items"], counters["jams"], len(bench.outcomes)) == (1, 1, 1)


def test_an_item_in_sight_when_the_machine_stops_is_missed(stream: Path, tmp_path: Path) -> None:
    camera, policy = folder(stream, fps=10.0, paced=False), replace(POLICY, frames=8)
    with assembled(tmp_path / "state", camera, policy=policy, presence=PRESENCE) as bench:
        for _ in range(8):
            bench.loop.step()
        bench.stop.set()
        bench.loop.run()

    assert [(one.kind, one.decision.rule) for one in bench.outcomes] == [(OutcomeKind.MISSED, Rule.ABANDONED)]


def _framed(twin: TwinControl) -> FramedSorter:
    return FramedSorter(FramedOptions(kind="framed", port=str(twin.link)))


def test_numbers_go_on_after_the_boards_when_the_journal_lost_them(
    pictures: Path, tmp_path: Path, twin: TwinControl
) -> None:
    """A power cut that spared the board: the next run must not use a number again, and the gap is on record."""
    twin.start("--protocol", "framed")
    before, after = tmp_path / "before", tmp_path / "after"
    with assembled(before, folder(pictures), _framed(twin)) as bench:
        bench.loop.run()
        last = max(one.seq or 0 for one in bench.outcomes)
    with assembled(after, folder(pictures), _framed(twin)) as bench:
        bench.loop.run()
        kinds, numbers = bench.kinds(), [one.seq for one in bench.outcomes]
        events = bench.events(after)

    assert last == 12
    assert kinds == Counter({"sorted": 12})
    assert numbers == list(range(last + 1, last + 13))
    assert events.count("gap") == 1
    assert sorted(row["seq"] for row in read_log(twin.log)) == list(range(1, 25))


def test_no_gap_is_seen_where_the_journal_knows_as_much_as_the_board(
    pictures: Path, tmp_path: Path, twin: TwinControl
) -> None:
    twin.start("--protocol", "framed")
    for _ in range(2):
        with assembled(tmp_path / "state", folder(pictures), _framed(twin)) as bench:
            bench.loop.run()
            events = bench.events(tmp_path / "state")

    assert "gap" not in events


def test_what_a_sensor_tells_disturbs_nothing(pictures: Path, tmp_path: Path) -> None:
    sorter = _Cut()
    sorter.up = True
    with assembled(tmp_path / "state", folder(pictures), sorter) as bench:
        sorter.restore()
        sorter.sense(SensorEvent("item", _now(), 0, 0))
        bench.loop.run()

    assert bench.kinds() == Counter({"sorted": 12})
