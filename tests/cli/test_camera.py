"""`appliance camera` with cameras that are really opened: what it says, what it writes, what it refuses."""

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support import ROOT, SCRIPTED, ConfigFile, TwinControl, appliance, running, wait_for

from appliance.capture.devices import Device, find_devices, find_pi_cameras
from appliance.cli import main

DEVICE = {"kind": "simulated-device", "width": 320, "height": 240, "fps": 30}


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["camera", *arguments, "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else {"error": captured.err}


def test_show_tells_what_the_driver_says(config_file: ConfigFile, capsys: pytest.CaptureFixture[str]) -> None:
    config = config_file.change(camera=DEVICE)
    code, told = said(capsys, "show", "-c", str(config))

    assert code == 0
    assert (told["kind"], told["size"], told["rate_hz"], told["live"]) == ("simulated-device", [320, 240], 30, True)
    assert told["controls"] == {"SIMULATED": True}


def test_a_snapshot_is_written_whole_and_replaces_nothing_unasked(
    config_file: ConfigFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, file = str(config_file.path), tmp_path / "seen.png"
    assert said(capsys, "snapshot", str(file), "-c", config)[0] == 0
    picture = cv2.imread(str(file))
    assert picture is not None
    before = file.read_bytes()

    code, told = said(capsys, "snapshot", str(file), "-c", config)
    assert (code, file.read_bytes()) == (2, before)
    assert "--force" in told["error"]
    assert said(capsys, "snapshot", str(file), "--force", "-c", config)[0] == 0
    assert said(capsys, "snapshot", str(tmp_path / "seen.txt"), "-c", config)[0] == 2
    assert said(capsys, "snapshot", str(tmp_path / "none" / "seen.jpg"), "-c", config)[0] == 13
    assert [path.name for path in tmp_path.iterdir() if "seen" in path.name] == ["seen.png"]


def test_check_tells_the_rate_of_a_camera_that_delivers(
    config_file: ConfigFile, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_file.change(camera={**DEVICE, "fps": 10})
    code, told = said(capsys, "check", "--seconds", "3", "-c", str(config))

    assert (code, told["delivers"], told["faults"]) == (0, True, [])
    assert told["rate_hz"] == pytest.approx(10, rel=0.2)
    assert told["brightness"] == pytest.approx(97, abs=3)
    assert told["focus"] > 0


@pytest.mark.parametrize("order", ["stall", "corrupt", "gone"])
def test_check_says_which_camera_does_not_deliver(
    order: str, config_file: ConfigFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = tmp_path / "orders"
    config = config_file.change(camera={**DEVICE, "orders": str(orders), "frozen_after": 0, "open_s": 2.0})
    orders.write_text(order)
    code, told = said(capsys, "check", "--seconds", "1", "-c", str(config))

    assert code == 10
    assert "camera" in told["error"]


def test_check_of_a_folder_promises_no_rate(config_file: ConfigFile, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = said(capsys, "check", "--seconds", "1", "-c", str(config_file.path))

    assert (code, told["live"], told["delivers"]) == (0, False, True)
    assert told["frames"] > 0
    assert (told["rate_hz"], told["jitter_ms"]) == (None, None)
    assert row(told, "rate")["value"] == "as fast as it is read"
    assert [one["name"] for one in told["rows"]] == ["pictures", "rate", "focus", "brightness", "colour"]


def row(told: dict[str, Any], name: str) -> dict[str, str]:
    return next(one for one in told["rows"] if one["name"] == name)


def still(folder: Path, pixels: Any, count: int = 1) -> dict[str, Any]:
    """A live camera of pictures of a folder, thirty a second."""
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    return {"kind": "folder", "path": str(folder), "fps": 30, "loop": True}


NOISE = np.random.default_rng(5).integers(90, 130, (96, 128, 3), np.uint8)


def test_a_camera_whose_pictures_are_all_alike_does_not_deliver(
    config_file: ConfigFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_file.change(camera=still(tmp_path / "still", NOISE))
    code, told = said(capsys, "check", "--seconds", "1.5", "-c", str(config))

    assert (code, told["delivers"], row(told, "pictures")["verdict"]) == (10, False, "does not deliver")
    assert "frozen" in told["faults"][0]


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.full((96, 128, 3), 8, np.uint8), "too dark"),
        (np.full((96, 128, 3), 240, np.uint8), "too bright"),
        (np.vstack([NOISE, np.full((64, 128, 3), 255, np.uint8)]), "clipped: 40%"),
    ],
)
def test_light_that_is_not_well_is_told_and_delivers_all_the_same(
    pixels: Any, reason: str, config_file: ConfigFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = {"kind": "folder", "path": str(tmp_path / "light")}
    still(tmp_path / "light", pixels)
    code, told = said(capsys, "check", "-c", str(config_file.change(camera=camera)))

    assert (code, row(told, "brightness")["verdict"]) == (0, "look at it")
    assert row(told, "brightness")["reason"].startswith(reason)


def test_check_compares_with_the_reference_if_there_is_one(
    config_file: ConfigFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(9)
    outlines = cv2.GaussianBlur(rng.normal(0, 1, (96, 128)), (0, 0), 1.5)[..., np.newaxis]
    scene = np.repeat(120 + 6 * outlines / outlines.std(), 3, axis=2)

    def filmed(name: str, seen: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for number in range(60):
            noisy = np.clip(seen + rng.normal(0, 2, seen.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"{number:03d}.png"), noisy)
        return config_file.change(camera={"kind": "folder", "path": str(folder), "fps": 20, "loop": True},
                                  trigger={"kind": "presence"})  # fmt: skip

    good = str(filmed("good", scene))
    assert said(capsys, "reference", "-c", good)[0] == 0
    code, told = said(capsys, "check", "--seconds", "3", "-c", good)
    assert (code, {one["verdict"] for one in told["rows"]}) == (0, {"ok"})
    assert "as in the reference of" in row(told, "focus")["reason"]

    blurred = str(filmed("blurred", cv2.GaussianBlur(scene, (0, 0), 2.5) * 0.9))
    code, told = said(capsys, "check", "--seconds", "3", "-c", blurred)
    assert (code, row(told, "focus")["verdict"], row(told, "brightness")["verdict"]) == (0, "look at it", "ok")
    assert "clean the lens" in row(told, "focus")["reason"]


def test_people_read_a_verdict_beside_every_figure(config_file: ConfigFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["camera", "check", "--seconds", "1", "-c", str(config_file.path)]) == 0
    text = capsys.readouterr().out

    assert "as fast as it is read" in text
    assert "not judged" in text
    assert text.rstrip().endswith("delivers")


def test_people_read_no_programs_values(config_file: ConfigFile, capsys: pytest.CaptureFixture[str]) -> None:
    config = config_file.change(camera=DEVICE | {"roi": {"x": 8, "y": 0, "width": 64, "height": 48}})
    assert main(["camera", "show", "-c", str(config)]) == 0
    shown = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    shown = {name: value.strip() for name, value in shown.items()}

    assert (shown["size"], shown["rate"], shown["live"]) == ("320 x 240", "30 pictures/s", "yes")
    assert (shown["options orders"], shown["warnings"]) == ("not set", "none")
    assert shown["options roi"] == "x 8, y 0, width 64, height 48"
    assert not [value for value in shown.values() if any(sign in value for sign in ("None", "True", "False", "["))]


def test_a_reference_is_taken_of_the_empty_pictures_of_the_stream(
    config_file: ConfigFile, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(config_file.shipped_stream())
    code, told = said(capsys, "reference", "-c", config)
    assert (code, told["watched"]) == (0, ["brightness", "colour", "focus", "shift"])
    assert Path(told["reference"]).with_suffix(".png").is_file()

    code, refused = said(capsys, "reference", "-c", config)
    assert (code, "--force" in refused["error"]) == (2, True)
    assert said(capsys, "reference", "--force", "-c", config)[0] == 0
    # As fast as they are read, there is no time to look closer at enough of them.
    code, told = said(capsys, "check", "--seconds", "1", "-c", config)
    assert (code, row(told, "focus")["reason"]) == (0, "stored pictures go by too fast to be compared")


def test_a_camera_that_a_running_appliance_holds_is_not_opened(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start()
    config_file.change(camera={"kind": "folder", "path": str(ROOT / "pictures" / "chamber"), "loop": True},
                       classifier=SCRIPTED)  # fmt: skip
    with running(config_file.path) as process:
        wait_for((config_file.state_dir / "control.sock").is_socket, 60)
        # The configuration now names a camera that only one program may open; the daemon is the one that has it.
        config_file.change(camera={"kind": "opencv", "device": 0})
        done = appliance("camera", "check", "-c", str(config_file.path))
        process.kill()

    assert done.returncode == 10
    assert "the running appliance holds" in done.stderr
    assert "systemctl stop appliance" in done.stderr


def test_a_device_that_is_not_there_is_told(config_file: ConfigFile, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = said(capsys, "show", "--device", "/dev/video73", "-c", str(config_file.path))
    assert (code, "does not exist" in told["error"]) == (10, True)
    # The flag was the cause: the key of the configuration would change nothing.
    assert ("--device" in told["error"], "camera.device" in told["error"]) == (True, False)
    code, told = said(capsys, "show", "--device", "webcam", "-c", str(config_file.path))
    assert (code, "--device" in told["error"]) == (2, True)


def test_list_names_the_configured_camera_without_its_password(
    config_file: ConfigFile, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_file.change(camera={"kind": "stream", "url": "rtsp://me:secret@127.0.0.1/one"})
    assert main(["camera", "list", "-c", str(config)]) == 0
    text = capsys.readouterr().out

    assert "configured: stream" in text
    assert "secret" not in text


def test_v4l2_cameras_are_named_so_that_the_name_survives_replugging(tmp_path: Path) -> None:
    sysfs, dev = tmp_path / "sys", tmp_path / "dev"
    for node, index, name in (("video0", 0, "Lamp Cam"), ("video1", 1, "Lamp Cam"), ("video10", 0, "Bare")):
        (sysfs / node).mkdir(parents=True)
        (sysfs / node / "index").write_text(f"{index}\n")
        (sysfs / node / "name").write_text(f"{name}\n")
    (dev / "v4l" / "by-id").mkdir(parents=True)
    for node in ("video0", "video1"):
        (dev / node).touch()
        os.symlink(f"../../{node}", dev / "v4l" / "by-id" / f"usb-lamp-{node}")

    assert find_devices(sysfs, dev) == [
        Device("opencv", str(dev / "v4l" / "by-id" / "usb-lamp-video0"), str(dev / "video0"), "Lamp Cam"),
        Device("opencv", str(dev / "video10"), str(dev / "video10"), "Bare"),
    ]
    assert find_devices(tmp_path / "none", dev) == []


def test_a_python_without_picamera2_is_told(tmp_path: Path) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text("""#!/bin/sh\necho '[{"Num": 1, "Model": "imx708", "Id": "/base/i2c/imx708@1a"}]'\n""")
    stand_in.chmod(0o755)
    assert find_pi_cameras(str(stand_in)) == ([Device("picamera2", "1", "/base/i2c/imx708@1a", "imx708")], "")

    cameras, why = find_pi_cameras(str(tmp_path / "none"))
    assert (cameras, "does not answer" in why) == ([], True)


def test_a_dark_picture_has_figures(
    config_file: ConfigFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "dark"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), np.zeros((48, 64, 3), np.uint8))
    code, told = said(capsys, "check", "-c", str(config_file.change(camera={"kind": "folder", "path": str(folder)})))

    assert (code, told["brightness"], told["focus"], told["rate_hz"]) == (0, 0, 0, None)
