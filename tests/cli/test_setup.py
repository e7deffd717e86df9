"""`appliance setup` from end to end, with answers from a file, a SIMULATED device and the twin."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT, SCRIPTED, ConfigFile, TwinControl

from appliance.cli import main
from appliance.history import open_history

DEVICE = {"kind": "simulated-device", "width": 320, "height": 240, "fps": 20}


BINS = """  bins:
    # from left to right
    cans: {channel: 1, labels: [aluminium-can, steel-can]}   # the noisy one
    glass: {channel: 2, labels: [glass-bottle]}   # heavy
    plastic:
      channel: 3   # by the window
      labels: [hdpe-bottle, pet-bottle]
    rest: {channel: 0, labels: [empty]}
"""
NEW_BINS = """  bins:
    # from left to right
    cans: {channel: 1, labels: [aluminium-can, steel-can]}   # the noisy one
    plastic:
      channel: 3   # by the window
      labels: [hdpe-bottle, pet-bottle]
    rest: {channel: 0}
    cullet: {channel: 9, labels: [glass-bottle]}
    air: {action: none, labels: [empty]}
"""


@pytest.fixture
def configured(config_file: ConfigFile) -> ConfigFile:
    """A SIMULATED device; the file has a comment that must stay."""
    config_file.values["decision"]["max_age_ms"] = 5000
    config_file.change(camera=DEVICE, classifier=SCRIPTED)
    config_file.path.write_text("# ours, keep it\n" + config_file.path.read_text())
    return config_file


def set_up(config_file: ConfigFile, **answers: Any) -> int:
    file = config_file.path.with_name("answers.yaml")
    file.write_text(yaml.safe_dump({"live_s": 0.6, **answers}))
    return main(["setup", "-c", str(config_file.path), "--answers", str(file)])


FRAMED = {"kind": "framed", "port": "state/twin.tty"}


def test_the_port_of_a_framed_sorter_is_asked_for(configured: ConfigFile, capsys: pytest.CaptureFixture[str]) -> None:
    configured.change(sorter=FRAMED)
    before = configured.path.read_bytes()
    assert set_up(configured, port="/dev/ttyNOPE", write=True) == 2
    assert "/dev/ttyNOPE does not exist" in capsys.readouterr().err
    assert configured.path.read_bytes() == before

    board = configured.path.with_name("board")
    board.touch()
    assert set_up(configured, port=str(board), write=True) == 0
    assert yaml.safe_load(configured.path.read_text())["sorter"] == {**FRAMED, "port": str(board)}


def test_a_port_for_a_sorter_that_has_none_is_refused(
    configured: ConfigFile, capsys: pytest.CaptureFixture[str]
) -> None:
    configured.change(sorter={"kind": "simulated"})
    before = configured.path.read_bytes()
    assert set_up(configured, port="/dev/null", write=True) == 2
    said = capsys.readouterr().err
    assert "answers.yaml): `port` is answered, and the sorter is of the kind simulated, which has none" in said
    assert configured.path.read_bytes() == before


def test_from_the_box_to_the_first_sorted_items(configured: ConfigFile, twin: TwinControl,
                                                capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    twin.start()
    before = configured.path.read_bytes()
    code = set_up(
        configured, roi="40 20 200 180", lock=True, bins={"glass-bottle": "rest", "steel-can": "never"},
        write=True, reference=True, test_items=3, move=True,
    )  # fmt: skip
    text = capsys.readouterr().out
    written = yaml.safe_load(configured.path.read_text())

    assert code == 0
    assert written["camera"] == {**DEVICE, "roi": {"x": 40, "y": 20, "width": 200, "height": 180}}
    assert "glass-bottle" in written["decision"]["bins"]["rest"]["labels"]
    assert written["decision"]["never"] == ["steel-can"]
    assert {name: part for name, part in written.items() if name not in ("camera", "decision")} == {
        name: part for name, part in yaml.safe_load(before).items() if name not in ("camera", "decision")
    }
    assert configured.path.read_text().startswith("# ours, keep it\n")
    assert configured.path.with_name("config.yaml.bak").read_bytes() == before
    told = json.loads((configured.state_dir / "reference.json").read_text())
    assert (told["region"], told["size"]) == ([40, 20, 200, 180], [200, 180])
    assert "focus" in text
    assert "would go to" in text
    with open_history(configured.state_dir) as history:
        assert [row["outcome"] for row in history.items()].count("missed") < 3
        assert len(list(history.items())) == 3
    assert twin.log.read_text().count("\n") >= 1


def test_nothing_is_written_and_nothing_moves_without_a_yes(configured: ConfigFile, twin: TwinControl) -> None:
    twin.start()
    before = configured.path.read_bytes()
    assert set_up(configured, roi="40 20 200 180") == 0

    assert configured.path.read_bytes() == before
    assert not configured.path.with_name("config.yaml.bak").exists()
    assert set_up(configured, test_items=2) == 0
    assert not (configured.state_dir / "journal.db").exists()
    assert not (twin.log.exists() and twin.log.read_text())


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"roi": "0 0 900 900", "write": True}, 2),
        ({"roi": "a b c d", "write": True}, 2),
        ({"bins": {"pet-bottle": "nowhere"}, "write": True}, 2),
        ({"bins": {"pet-bottle": "never", "hdpe-bottle": "never"}, "write": True}, 0),
        ({"camera": "/dev/video73", "write": True}, 2),
        ({"colour": "red"}, 2),
        ({"lock": "maybe"}, 2),
        ({"port": "/dev/ttyNOPE", "write": True}, 2),
        ({"bins": {"banana": "rest"}, "write": True}, 2),
        ({"live_s": "long"}, 2),
    ],
)
def test_an_answer_that_cannot_be_leaves_the_file_as_it_was(
    answers: dict[str, Any], code: int, configured: ConfigFile
) -> None:
    before = configured.path.read_bytes()

    assert set_up(configured, **answers) == code
    assert (configured.path.read_bytes() == before) == (code != 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("live_s: 1\nroi: [1, 2, 3, 4]\n", "answers.yaml:2: roi: [1, 2, 3, 4] is no answer"),
        ("live_s: 1\nlock:\n", "answers.yaml:2: lock: None is no answer"),
        ("live_s: 0.5\nlock: maybe\n", "answers.yaml:2: lock: 'maybe' is no answer. Try: yes or no"),
        ("bins:\n  pet-bottle: {a: b}\n", "answers.yaml:2: bins.pet-bottle:"),
        ("bins: [a]\n", "answers.yaml:1: bins: ['a'] is no mapping"),
        ("colour: red\n", "answers.yaml:1: colour: nobody asks for that. Try: known keys: camera"),
        ("- a\n", "answers.yaml:1: it is no mapping"),
        ("live_s: 1\nlock: [\n", "line 3: not YAML"),
        ("lock: yes\nlive_s: long\n", "answers.yaml:2): 'long' is no number"),
        ("bins:\n  glass-bottle: rest\n  pet-bottle: tins\nlive_s: 0.5", "answers.yaml:3): there is no 'tins'"),
        ("bins:\n  banana: rest\nlive_s: 0.5", "answers.yaml): bins.banana: no label of the model"),
    ],
)
def test_a_file_of_answers_is_complained_of_with_its_name_and_line(
    text: str, told: str, configured: ConfigFile, capsys: pytest.CaptureFixture[str]
) -> None:
    before = configured.path.read_bytes()
    file = configured.path.with_name("answers.yaml")
    file.write_text(text)

    assert main(["setup", "-c", str(configured.path), "--answers", str(file)]) == 2
    assert told in capsys.readouterr().err
    assert configured.path.read_bytes() == before


def test_a_new_bin_is_made_with_its_channel_and_an_empty_one_is_taken_out(
    configured: ConfigFile, capsys: pytest.CaptureFixture[str]
) -> None:
    text = configured.path.read_text()
    text = text[: text.index("  bins:")] + BINS + text[text.index("  reject_bin:") :]
    configured.path.write_text(text)
    answers = {"bins": {"glass-bottle": "cullet", "empty": "air"}, "channels": {"cullet": 9, "air": "none"}}

    assert set_up(configured, **answers, write=True) == 0
    written = configured.path.read_text()
    assert written == text.replace(BINS, NEW_BINS)
    said = capsys.readouterr().out
    assert "nothing goes to glass any more" in said
    # Machines that are alike: the same answers once more change nothing.
    assert set_up(configured, **answers, write=True) == 0
    assert configured.path.read_text() == written


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"bins": {"empty": "air"}}, 2),
        ({"bins": {"empty": "air"}, "channels": {"air": 256}}, 2),
        ({"bins": {"empty": "air"}, "channels": {"air": "left"}}, 2),
        ({"bins": {"empty": "x" * 65}, "channels": {"x" * 65: 1}}, 78),
        ({"channels": {"air": 4}}, 2),
        ({"channels": {"cans": 4}}, 2),
    ],
)
def test_a_bin_that_cannot_be_is_refused(answers: dict[str, Any], code: int, configured: ConfigFile) -> None:
    before = configured.path.read_bytes()

    assert set_up(configured, **answers, write=True) == code
    assert configured.path.read_bytes() == before


def test_a_person_makes_a_bin_and_is_asked_again_after_a_slip(configured: ConfigFile) -> None:
    """At a terminal: a bin that does not exist and is not wanted, then one that is, then nothing is written."""
    typed = "\n\n0.5\n\n\n" + "tins\n\n" + "tins\n300\ntins\n7\n" + "\n" * 5 + "\n"
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "appliance", "setup", "-c", str(configured.path)]
    before = configured.path.read_bytes()
    with subprocess.Popen(command, cwd=ROOT, stdin=slave, stdout=subprocess.PIPE, text=True) as process:
        os.write(master, typed.encode())
        said = process.communicate(timeout=120)[0]
    os.close(master)
    os.close(slave)

    assert process.returncode == 0
    assert said.count("Where does aluminium-can go?") == 3
    assert said.count("Where does glass-bottle go?") == 1
    assert "there is no 'tins'" in said
    assert "'300' is no channel" in said
    assert "+    tins: {channel: 7, labels: [aluminium-can]}" in said
    assert configured.path.read_bytes() == before


def test_a_label_that_is_never_decided_stays_so_unless_somebody_says_otherwise(configured: ConfigFile) -> None:
    text = configured.path.read_text()
    values = yaml.safe_load(text)
    values["decision"]["never"] = ["pet-bottle"]
    configured.path.write_text(yaml.safe_dump(values))

    assert set_up(configured, roi="40 20 200 180", write=True) == 0
    assert yaml.safe_load(configured.path.read_text())["decision"] == values["decision"]
    assert set_up(configured, bins={"pet-bottle": "rest"}, write=True) == 0
    written = yaml.safe_load(configured.path.read_text())["decision"]
    assert written["never"] == []
    assert "pet-bottle" in written["bins"]["rest"]["labels"]


def test_without_a_terminal_and_without_answers_it_says_so(configured: ConfigFile) -> None:
    command = [sys.executable, "-m", "appliance", "setup", "-c", str(configured.path)]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--answers" in done.stderr


def heed_ctrl_c() -> None:
    """Whoever runs the tests in the background of a shell ignores it, and what they start does too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_at_a_terminal_leaves_the_file_as_it_was(configured: ConfigFile) -> None:
    before = configured.path.read_bytes()
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "appliance", "setup", "-c", str(configured.path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_ctrl_c
    ) as process:
        assert process.stdout is not None
        os.write(master, b"keep\nkeep\n30\n")
        while b"focus" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    os.close(master)
    os.close(slave)

    assert process.returncode == 130
    assert configured.path.read_bytes() == before
    assert sorted(path.name for path in Path(configured.path.parent).glob("config*")) == ["config.yaml"]
