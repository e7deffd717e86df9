"""A picture that has changed since commissioning is told once, taken back once, and never stops the machine."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support import ROOT, SCRIPTED, ConfigFile

from appliance.cli.build import limits_of, make_camera, open_parts
from appliance.cli.common import load
from appliance.config import DriftBand, DriftOptions
from appliance.diagnose import Verdict
from appliance.diagnose.drift import check, from_daemon
from appliance.drift import KINDS, Warnings, compare, trusted
from appliance.errors import StorageError
from appliance.history import open_history
from appliance.loop import SortingLoop
from appliance.optics import Stack
from appliance.reference import make_reference, read_reference, reference_path, write_reference
from appliance.trigger.presence import Presence, PresenceOptions
from appliance.viewing import take_reference

HEIGHT, WIDTH = 96, 128
GRAIN = cv2.GaussianBlur(np.random.default_rng(7).normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 1.5)
FLOOR = np.repeat(120 + 6 * GRAIN[..., np.newaxis] / GRAIN.std(), 3, axis=2)
"""An empty chamber whose floor has a grain: too weak for an item's outline, enough to see whether it is sharp."""

Scene = NDArray[np.float64]
DISTURBED: dict[str, Callable[[Scene], Scene]] = {
    "focus": lambda scene: cv2.GaussianBlur(scene, (0, 0), 2.5),
    "brightness": lambda scene: scene * 0.65,
    "colour": lambda scene: scene * np.array([0.82, 1.0, 1.07]),
    "shift": lambda scene: np.roll(scene, (3, 6), (0, 1)),
}


def film(folder: Path, scenes: list[Scene]) -> Path:
    """A camera with noise looks at the scenes in turn."""
    folder.mkdir()
    rng = np.random.default_rng(11)
    for number, scene in enumerate(scenes):
        noisy = np.clip(scene + rng.normal(0, 2, scene.shape) + 0.5, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:04d}.png"), noisy)
    return folder


def configured(config_file: ConfigFile, pictures: Path, **drift: Any) -> Path:
    camera = {"kind": "folder", "path": str(pictures), "fps": 10, "paced": False}
    config_file.values["drift"] = {"every_s": 0.1, **drift}
    return config_file.change(
        camera=camera,
        trigger={"kind": "presence"},
        classifier=SCRIPTED,
        sorter={"kind": "simulated", "delay_ms": 1},
        evidence={"keep": "none"},
    )


def commission(config_file: ConfigFile) -> None:
    """Take the reference with what the camera shows."""
    config, ids = load(config_file.path), itertools.count()
    camera = make_camera(config)
    camera.open()
    region = config.camera.roi.region() if config.camera.roi else None
    trigger = Presence(PresenceOptions(kind="presence"), lambda: str(next(ids)), region)
    write_reference(reference_path(config), take_reference(camera, trigger, region, 60, "2026-01-31T08:00:00.000Z"))
    camera.close()


def run(config_file: ConfigFile) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """Sort until the film ends: what the journal says of drift, and the last status."""
    config = load(config_file.path)
    with open_parts(config) as parts:
        SortingLoop(parts, limits_of(config, None), threading.Event()).run()
        snapshot = parts.health.snapshot
    assert snapshot is not None
    with open_history(config.machine.state_dir) as history:
        events = [one for one in history.events(run_id=snapshot.run_id, last=1000) if "drift" in one["kind"]]
    return [(one["kind"], one["json"]["kind"]) for one in events], snapshot.as_dict()


@pytest.mark.parametrize("kind", KINDS)
def test_each_change_raises_its_own_warning_once_and_takes_it_back(
    kind: str, config_file: ConfigFile, tmp_path: Path
) -> None:
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    commission(config_file)
    disturbed = DISTURBED[kind](FLOOR)
    configured(config_file, film(tmp_path / "film", [FLOOR] * 20 + [disturbed] * 40 + [FLOOR] * 40))
    events, status = run(config_file)

    assert events == [("drift", kind), ("drift-over", kind)]
    assert status["drift"]["warnings"] == {}
    assert status["state"] == "stopped"


def test_a_warning_that_stays_is_in_the_status_with_what_to_do(config_file: ConfigFile, tmp_path: Path) -> None:
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    commission(config_file)
    # As after a restart in the morning: the trigger has never seen another picture.
    configured(config_file, film(tmp_path / "film", [DISTURBED["brightness"](FLOOR)] * 40))
    events, status = run(config_file)

    assert events == [("drift", "brightness")]
    assert status["drift"]["warnings"] == {"brightness": "the picture is 35% darker than it was"}
    assert "lamp" in status["drift"]["remedies"]["brightness"]
    assert status["drift"]["values"]["brightness"] == pytest.approx(-0.35, abs=0.02)


def test_diagnose_tells_a_technician_what_to_do(config_file: ConfigFile, tmp_path: Path) -> None:
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    config = load(config_file.path)
    assert [one.verdict for one in check(config)] == [Verdict.NOT_RUN]
    config_file.state_dir.mkdir(exist_ok=True)
    commission(config_file)
    assert [one.verdict for one in check(config)] == [Verdict.OK]

    # No run is older than the reference of this test: it was taken in the past.
    configured(config_file, film(tmp_path / "film", [DISTURBED["focus"](FLOOR)] * 40))
    _, status = run(config_file)
    for findings in (from_daemon(config, status), check(load(config_file.path))):
        (found,) = findings
        assert found.verdict is Verdict.WARN
        assert "the picture is blurred" in found.evidence
        assert "clean the lens" in found.remedy
        assert found.exit_code == 0


def test_diagnose_tells_what_a_running_appliance_cannot_compare(config_file: ConfigFile, tmp_path: Path) -> None:
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    config = load(config_file.path)
    (none,) = from_daemon(config, {"drift": {}})
    assert (none.verdict, "camera reference" in none.remedy) == (Verdict.NOT_RUN, True)

    commission(config_file)
    (newer,) = from_daemon(config, {"drift": {}})
    assert (newer.verdict, "restart" in newer.remedy) == (Verdict.WARN, True)

    config_file.change(trigger={"kind": "every-frame"})
    _, status = run(config_file)
    (never,) = from_daemon(config, status)
    assert (never.verdict, "not compared yet" in never.evidence) == (Verdict.NOT_RUN, True)


def test_the_shipped_clip_raises_no_warning(config_file: ConfigFile) -> None:
    configured(config_file, ROOT / "pictures" / "clip")
    commission(config_file)
    events, status = run(config_file)

    assert status["drift"]["compared"] >= 10
    assert events == []
    assert set(status["drift"]["watched"]) == set(KINDS)


def test_things_that_lie_in_the_region_are_no_drift(config_file: ConfigFile, tmp_path: Path) -> None:
    thing = FLOOR.copy()
    cv2.circle(thing, (60, 50), 24, (30, 60, 220), -1)
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    commission(config_file)
    jammed = [FLOOR] * 10 + [thing] * 100 + [FLOOR] * 20
    configured(config_file, film(tmp_path / "film", jammed))
    events, status = run(config_file)

    assert (events, status["trigger"]["jams"]) == ([], 1)


@pytest.mark.parametrize("share", [0.4, 0.6])
def test_a_thing_that_hides_the_scene_is_a_jam_and_no_drift(
    share: float, config_file: ConfigFile, tmp_path: Path
) -> None:
    sheet = FLOOR.copy()
    cv2.circle(sheet, (WIDTH // 2, HEIGHT // 2), int(share * HEIGHT), (90, 150, 190), -1)
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    commission(config_file)
    configured(config_file, film(tmp_path / "film", [FLOOR] * 10 + [sheet] * 100))
    events, status = run(config_file)

    assert (events, status["trigger"]["jams"]) == ([], 1)
    assert status["drift"]["compared"] > 4
    assert set(status["drift"]["values"]) <= {"focus", "shift"}


def test_a_camera_that_looks_elsewhere_since_the_last_run_is_told(config_file: ConfigFile, tmp_path: Path) -> None:
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    commission(config_file)
    # Just as bright and just as sharp, and nothing of it is what the reference shows.
    configured(config_file, film(tmp_path / "film", [np.flip(FLOOR, (0, 1))] * 40))
    events, status = run(config_file)

    assert events == [("drift", "shift")]
    assert "nothing of the reference's scene" in status["drift"]["warnings"]["shift"]


def test_a_lamp_that_fails_is_not_called_a_blur() -> None:
    rng = np.random.default_rng(3)

    def stacked(scene: Scene) -> Stack:
        stack = Stack()
        for _ in range(8):
            stack.add(np.clip(scene + rng.normal(0, 2, scene.shape) + 0.5, 0, 255).astype(np.uint8))
        return stack

    reference = make_reference(stacked(FLOOR), (WIDTH, HEIGHT), None, "a camera", "2026-01-31T08:00:00.000Z")
    values = compare(reference, stacked(FLOOR * 0.1).view())

    # Nothing sharp rises above the noise of so dark a picture, and that is the lamp's doing.
    assert values["focus"] == 1
    told = trusted(values, empty=True, options=DriftOptions())
    assert (told["brightness"], "focus" in told) == (pytest.approx(-0.9, abs=0.02), False)


def test_pictures_of_another_size_are_told_until_the_right_ones_come_again(
    config_file: ConfigFile, tmp_path: Path
) -> None:
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    commission(config_file)
    small = film(tmp_path / "film", [FLOOR[:64, :64]] * 30)
    configured(config_file, small)
    _, status = run(config_file)
    assert "the camera 64x64" in status["drift"]["misfit"]

    for number in range(30, 60):
        cv2.imwrite(str(small / f"{number:04d}.png"), FLOOR.astype(np.uint8))
    _, status = run(config_file)
    assert (status["drift"]["misfit"], status["drift"]["compared"] > 0) == ("", True)


def test_where_every_picture_shows_an_item_nothing_is_compared(config_file: ConfigFile, tmp_path: Path) -> None:
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    commission(config_file)
    config_file.change(trigger={"kind": "every-frame"})
    _, status = run(config_file)

    assert (status["drift"]["compared"], status["items"]) == (0, 18)


def test_another_region_than_that_of_the_reference_is_told_and_not_compared(
    config_file: ConfigFile, tmp_path: Path
) -> None:
    configured(config_file, film(tmp_path / "good", [FLOOR] * 20))
    commission(config_file)
    config_file.change(camera={"roi": {"x": 0, "y": 0, "width": 64, "height": 64}})
    events, status = run(config_file)

    assert (events, status["drift"]["compared"]) == ([], 0)
    assert "camera.roi has changed" in status["drift"]["misfit"]


@pytest.mark.parametrize("harm", ["cut", "picture", "gone", "schema", "empty"])
def test_a_damaged_reference_is_told_and_the_machine_sorts_without_it(
    harm: str, config_file: ConfigFile, tmp_path: Path
) -> None:
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    commission(config_file)
    path = reference_path(load(config_file.path))
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif harm == "schema":
        path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
    elif harm == "empty":
        path.write_text("{}")
    elif harm == "gone":
        path.with_suffix(".png").unlink()
    else:
        path.with_suffix(".png").write_bytes(b"\x89PNG")
    with pytest.raises(StorageError, match="reading the reference"):
        read_reference(path)
    _, status = run(config_file)

    assert status["drift"] == {}


def test_a_reference_comes_back_as_it_was_written(config_file: ConfigFile, tmp_path: Path) -> None:
    configured(config_file, film(tmp_path / "good", [FLOOR] * 18))
    commission(config_file)
    reference = read_reference(reference_path(load(config_file.path)))

    assert reference is not None
    assert (reference.taken, reference.size, reference.region) == ("2026-01-31T08:00:00.000Z", (WIDTH, HEIGHT), None)
    assert reference.view.measures.brightness == pytest.approx(FLOOR.mean(), abs=1)
    assert np.abs(reference.view.light - FLOOR).mean() < 2
    assert read_reference(tmp_path / "none.json") is None


def test_between_the_two_limits_nothing_changes_and_one_outlier_is_nothing() -> None:
    warnings = Warnings(DriftOptions(brightness=DriftBand(warn=0.3, well=0.2)))
    values = (0.29, 0.4, 0.29, 0.4, -0.4, 0.25, 0.25, 0.1, 0.25, 0.1, 0.1, 0.29)
    told = [[(one.kind, one.on) for one in warnings.hear({"brightness": value})] for value in values]

    assert [one for one in told if one] == [[("brightness", True)], [("brightness", False)]]
    assert (told[4], told[10]) == ([("brightness", True)], [("brightness", False)])


def test_limits_that_would_let_a_warning_flutter_are_refused(config_file: ConfigFile) -> None:
    config_file.values["drift"] = {"focus": {"warn": 0.2, "well": 0.3}}
    with pytest.raises(Exception, match=r"drift.focus: well must be less than warn"):
        load(config_file.write())
