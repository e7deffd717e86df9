"""What a person sees while the reference is taken: what is waited for, how far it has come, what is in the way."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, ConfigFile

from appliance.cli import main

CLIP = ROOT / "pictures" / "clip"
ROWS = json.loads((CLIP / "frames.json").read_text())
EMPTY = [row["file"] for row in ROWS[:20]]
LYING = [row["file"] for row in ROWS if row["item"] is not None][3:5]
"""Of the shipped clip: twenty pictures of the empty region, and two of an item that has come to rest."""


def showing(config_file: ConfigFile, folder: Path, files: list[str], fps: float) -> str:
    """A configuration whose SIMULATED camera shows these pictures of the clip, each one as often as it is named."""
    folder.mkdir()
    for file in set(files):
        shutil.copy(CLIP / file, folder)
    (folder / "frames.json").write_text(json.dumps([{"file": file} for file in files]))
    config_file.shipped_stream()
    return str(config_file.change(camera={"kind": "simulated-device", "pictures": str(folder), "fps": fps}))


def test_it_is_said_how_far_the_reference_has_come(
    config_file: ConfigFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = showing(config_file, tmp_path / "shown", EMPTY, 3)
    code = main(["camera", "reference", "-c", config, "--json"])
    said = capsys.readouterr()

    assert (code, "reference" in json.loads(said.out)) == (0, True)
    assert said.err.startswith("waiting for pictures of the empty region, at most 30 s\n")
    assert "of 16 pictures of the empty region\n" in said.err
    assert "something is in the region" not in said.err


def test_it_is_said_what_is_in_the_way(
    config_file: ConfigFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = showing(config_file, tmp_path / "shown", [*EMPTY[:3], *LYING * 100], 10)
    code = main(["camera", "reference", "-c", config, "--seconds", "7"])
    said = capsys.readouterr().err

    assert code == 10
    assert "3 of 16 pictures of the empty region: something is in the region\n" in said
    assert not (config_file.state_dir / "reference.json").exists()


def test_at_a_terminal_it_is_a_bar_that_goes_away(config_file: ConfigFile, tmp_path: Path) -> None:
    config = showing(config_file, tmp_path / "shown", EMPTY, 5)
    terminal, far_end = pty.openpty()
    command = [sys.executable, "-m", "appliance", "camera", "reference", "-c", config, "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=far_end) as process:
        os.close(far_end)
        shown = _all_of(terminal)
        assert process.stdout is not None
        told = json.loads(process.stdout.read())
    os.close(terminal)

    assert Path(told["reference"]).is_file()
    assert b"of 16 pictures of the empty region" in shown


def _all_of(terminal: int) -> bytes:
    """Until the far end hangs up, which Linux tells by EIO."""
    content = b""
    while True:
        try:
            content += os.read(terminal, 65536)
        except OSError:
            return content
