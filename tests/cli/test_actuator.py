"""`appliance actuator` as a technician uses it: on a free port, beside a running appliance, on both kinds of line."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT, SCRIPTED, ConfigFile, TwinControl, running, wait_for

from appliance.cli import main
from appliance.cli.actuator_counters import worth_a_look
from appliance.cli.actuator_trial import RESULT_FILE, Tried, advice
from appliance.control_client import SOCKET_FILE, ask
from appliance.errors import UsageError
from appliance.history import open_history
from appliance.twin import read_log

LIVE = {"kind": "simulated", "fps": 5, "pictures": "pictures"}


@pytest.fixture(params=["line", "framed"])
def machine(request: pytest.FixtureRequest, config_file: ConfigFile, twin: TwinControl) -> ConfigFile:
    """A twin at the port of a configuration, of either language."""
    if request.param == "framed":
        twin.start("--protocol", "framed")
        return _configured(config_file, sorter={"kind": "framed", "port": str(twin.link)})
    twin.start()
    return _configured(config_file)


def _configured(config_file: ConfigFile, **sections: Any) -> ConfigFile:
    pictures = str(config_file.values["camera"]["path"])
    config_file.change(camera=LIVE | {"pictures": pictures}, classifier=SCRIPTED, **sections)
    return config_file


def actuator(config_file: ConfigFile, *words: str) -> int:
    action, *more = words
    return main(["actuator", action, "-c", str(config_file.path), *more])


def events(config_file: ConfigFile) -> list[tuple[str, Any]]:
    with open_history(config_file.state_dir) as history:
        kinds = ("fire", "fire-end", "home", "home-end")
        told = [one for one in history.events() if one["kind"] in kinds]
        return [(one["kind"], one["json"].get("status")) for one in told]


def answers(path: Path) -> bool:
    try:
        return bool(ask(path, "status"))
    except UsageError:
        return False


@contextmanager
def daemon(config_file: ConfigFile) -> Iterator[Path]:
    """An appliance that runs; its control socket."""
    path = config_file.state_dir / SOCKET_FILE
    with running(config_file.path) as process:
        wait_for(lambda: answers(path), 60)
        yield path
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def paused(path: Path) -> None:
    ask(path, "pause")
    wait_for(lambda: ask(path, "status")["state"] == "paused", 30)


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


# No appliance runs


def test_status_tells_who_is_there_and_moves_nothing(
    machine: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    assert actuator(machine, "status") == 0
    text = capsys.readouterr().out
    assert text.startswith("SIMULATED: nothing real moves\n")
    for said in (str(twin.link), f"this command (pid {os.getpid()})", "no appliance runs", "all well"):
        assert said in text
    assert actuator(machine, "status", "--json") == 0
    status = told(capsys)
    assert status["simulated"] is True
    assert status["link"]["state"] == ("safe" if status["kind"] == "framed" else "ready")
    assert ("at rest, as it should be: no appliance runs" in text) is (status["kind"] == "framed")
    assert read_log(twin.log) == []
    assert not machine.state_dir.exists()


def test_a_bin_is_fired_once_and_the_journal_has_it_before_and_after(
    machine: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    channel = machine.values["decision"]["bins"]["glass"]["channel"]
    assert actuator(machine, "fire", "glass", "--json") == 0
    ended = told(capsys)
    assert (ended["order"], ended["channel"], ended["status"]) == ("fire glass", channel, "done")
    assert actuator(machine, "fire", "glass") == 0
    assert "SIMULATED" in capsys.readouterr().out

    assert [(one["seq"], one["channel"], one["result"]) for one in read_log(twin.log)] == [
        (ended["seq"], channel, "moved"),
        (ended["seq"] + 1, channel, "moved"),
    ]
    assert events(machine) == [("fire", None), ("fire-end", "done")] * 2


def test_home_ends_as_the_kind_of_line_can_tell(
    machine: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    assert actuator(machine, "home", "--json") == 0
    status = "done" if machine.values["sorter"]["kind"] == "framed" else "unconfirmed"
    assert told(capsys)["status"] == status
    assert events(machine) == [("home", None), ("home-end", status)]


def test_a_bin_that_cannot_be_fired_is_a_usage_error_that_names_those_that_can(
    machine: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    assert actuator(machine, "fire", "tins") == 2
    assert "there is no such bin. Try: one of: cans, glass" in capsys.readouterr().err
    assert actuator(machine, "fire", "nothing") == 2
    said = capsys.readouterr().err
    assert "nothing has to move for it; nothing was moved. Try: one of: cans, glass, plastic, rest\n" in said
    assert read_log(twin.log) == []


def test_monitor_shows_both_directions_and_moves_nothing(
    machine: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    assert actuator(machine, "monitor", "--seconds", "0.5", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["outgoing"] for line in lines} == {True, False}
    numbers = [line["number"] for line in lines]
    assert numbers == sorted(set(numbers))
    assert any("SIMULATED" in line["text"] or "WELCOME" in line["text"] for line in lines)
    assert not any("ARM" in line["text"].split() for line in lines)
    assert read_log(twin.log) == []


def test_monitor_goes_on_where_nobody_answers_and_shows_what_comes_instead(
    config_file: ConfigFile, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    sorter = {"kind": "framed", "port": os.ttyname(slave), "ready_timeout_s": 0.3}
    _configured(config_file, sorter=sorter)
    board = threading.Timer(1.5, lambda: os.write(master, b"READY another board\r\n"))
    board.start()
    try:
        code = actuator(config_file, "monitor", "--seconds", "2")
    finally:
        board.join()
        for handle in (master, slave):
            os.close(handle)
    said = capsys.readouterr()

    assert code == 11
    assert "no answer in 0.3 s" in said.err
    assert "->  HELLO" in said.out
    assert "<-  'READY another board\\r\\n'   !! damaged: no frame" in said.out


def test_a_held_port_is_told_with_its_holder(
    machine: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(twin.link)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for action in ("status", "counters", "home"):
            assert actuator(machine, action) == 11
            # The twin has the port's other end, and is not named.
            said = re.escape(f"(pid {holder.pid}). Try: stop that program\n")
            assert re.search(rf"it is held by [^()]+ {said}", capsys.readouterr().err)
        holder.communicate("\n")


@pytest.mark.parametrize("kind", ["line", "framed"])
def test_an_absent_board_is_a_link_error_and_the_twin_that_is_named_speaks_its_language(
    kind: str, config_file: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    _configured(config_file, **({"sorter": {"kind": kind, "port": str(twin.link)}} if kind == "framed" else {}))
    assert actuator(config_file, "status") == 11
    command = capsys.readouterr().err.split("in another terminal: appliance twin ")[1].split()
    assert command == ["--protocol", kind, "--link", str(twin.link), "--log", f"{twin.link}.jsonl"]
    twin.start(*command)
    assert actuator(config_file, "status") == 0


def test_what_is_not_there_is_told_by_every_command(
    config_file: ConfigFile, capsys: pytest.CaptureFixture[str]
) -> None:
    _configured(config_file)
    for words in (("status",), ("fire", "cans"), ("monitor", "--seconds", "1")):
        assert actuator(config_file, *words) == 11
        assert "does not exist" in capsys.readouterr().err


def test_a_movement_that_did_not_end_well_is_exit_code_11(
    config_file: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.start("--silent", "1")
    _configured(config_file, sorter={"timeout_s": 0.3})
    assert actuator(config_file, "fire", "cans") == 11
    said = capsys.readouterr().err
    assert "unknown: no answer in 0.3 s; it may or may not have moved: look" in said
    assert events(config_file) == [("fire", None), ("fire-end", "unknown")]


# The guided test


def tried(config_file: ConfigFile, *more: str, **answers: Any) -> int:
    file = config_file.path.with_name("answers.yaml")
    file.write_text(yaml.safe_dump(answers))
    return actuator(config_file, "test", "--answers", str(file), *more)


def test_the_guided_test_moves_what_was_allowed_and_keeps_what_was_seen(
    machine: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    code = tried(
        machine, "--json", move={"cans": True, "glass": True, "plastic": True, "rest": False},
        saw={"cans": "right", "glass": "cans", "plastic": "nothing"},
    )  # fmt: skip
    assert code == 11
    result = told(capsys)
    kept = json.loads((machine.state_dir / RESULT_FILE).read_text())
    assert kept == result
    assert [(one["bin"], one["status"], one["saw"], one["well"]) for one in kept["bins"]] == [
        ("cans", "done", "right", True),
        ("glass", "done", "cans", False),
        ("plastic", "done", "nothing", False),
        ("rest", "skipped", "", False),
    ]
    assert "exchange the channels" in kept["bins"][1]["advice"]
    assert "check this servo's plug" in kept["bins"][2]["advice"]
    assert kept["complete"] is False
    assert kept["simulated"] is True
    assert kept["firmware"] != "not told"
    channels = machine.values["decision"]["bins"]
    assert [one["channel"] for one in read_log(twin.log)] == [
        channels[name]["channel"] for name in ("cans", "glass", "plastic")
    ]


def test_all_well_is_exit_code_0_and_a_file_without_answers_moves_nothing(
    config_file: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.start()
    _configured(config_file)
    bins = [name for name, one in config_file.values["decision"]["bins"].items() if "channel" in one]
    assert tried(config_file) == 0
    assert read_log(twin.log) == []
    assert tried(config_file, move=dict.fromkeys(bins, True), saw=dict.fromkeys(bins, "right")) == 0
    assert json.loads((config_file.state_dir / RESULT_FILE).read_text())["complete"] is True
    assert len(read_log(twin.log)) == len(bins)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"colour": "red"}, "nobody asks for that. Try: known keys: move, saw"),
        ({"move": {"cans": "perhaps"}}, "'perhaps' is no answer. Try: yes or no"),
        ({"move": {"cans": True}, "saw": {"cans": "left"}}, "'left' is no answer. Try: right, nothing, glass"),
        ({"move": {"cans": True}}, "'?' is no answer"),
        ({"move": {"cans": True, "tins": True}, "saw": {"cans": "right"}}, "'tins' is no bin that can be fired"),
        ({"move": {"cans": True, "glass": True}, "saw": {"cans": "right", "glass": "m"}}, "for glass"),
    ],
)
def test_answers_that_are_none_are_refused_before_anything_moves(
    answers: dict[str, Any], said: str, config_file: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.start()
    _configured(config_file)
    assert tried(config_file, **answers) == 2
    refusal = capsys.readouterr().err
    assert said in refusal
    assert "answers.yaml" in refusal
    assert read_log(twin.log) == []
    assert not (config_file.state_dir / RESULT_FILE).exists()


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (Tried("a", 1, "done", saw="right"), ""),
        (Tried("a", 1, "skipped"), ""),
        (Tried("a", 1, "unconfirmed", saw="right"), ""),
        (Tried("a", 1, "done", saw="b"), "exchange the channels"),
        (Tried("a", 1, "done", saw="nothing"), "believes that it moved"),
        (Tried("a", 1, "unknown", saw="right"), "did not say so"),
        (Tried("a", 1, "failed", saw="nothing"), "nothing was heard to move"),
        (Tried("a", 1, "done"), "nobody said what was seen"),
    ],
)
def test_every_failure_has_something_to_try(one: Tried, said: str) -> None:
    assert said in advice(one)
    assert bool(advice(one)) == bool(said)


# Counters


@pytest.mark.parametrize(
    ("counters", "looks"),
    [
        ({}, set()),
        ({"host": {"frames": 0, "bad_frame": 2}}, set()),
        ({"host": {"frames": 100_000, "bad_crc": 100}}, set()),
        ({"host": {"frames": 100_000, "bad_crc": 101}}, {("host", "bad_crc")}),
        (
            {"board": {"frames": 10, "lapsed": 1, "watchdog": 1, "moved": 9}},
            {("board", "lapsed"), ("board", "watchdog")},
        ),
        ({"host": {"commands": 5, "done": 4, "unanswered": 1, "never-heard-of": 9}}, {("host", "unanswered")}),
    ],
)
def test_what_is_worth_a_look_is_what_is_higher_than_it_should_be(
    counters: dict[str, dict[str, int]], looks: set[tuple[str, str]]
) -> None:
    found = worth_a_look(counters)
    assert set(found) == looks
    assert all(found.values())


def test_counters_have_a_sentence_each(
    machine: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    assert actuator(machine, "counters", "--json") == 0
    said = told(capsys)
    assert said["worth_a_look"] == []
    names = [name for counts in said["counters"].values() for name in counts]
    assert actuator(machine, "counters") == 0
    rows = [line.split(None, 2) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert [row[0] for row in rows] == names
    assert [row for row in rows if len(row) < 3] == []


# Beside a running appliance


def test_an_appliance_moves_by_hand_only_while_it_is_paused_and_nothing_else_moves_then(
    machine: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    framed = machine.values["sorter"]["kind"] == "framed"
    with daemon(machine) as path:
        assert actuator(machine, "fire", "glass") == 2
        assert "the appliance is not paused; nothing was moved. Try: appliance pause" in capsys.readouterr().err
        assert [kind for kind, _ in events(machine)] == []
        paused(path)
        before = len(read_log(twin.log))

        assert actuator(machine, "fire", "glass", "--json") == 0
        seq = told(capsys)["seq"]
        assert actuator(machine, "home") == (0 if framed else 2)
        assert ("this kind of sorter has no word for it" in capsys.readouterr().err) is not framed
        assert actuator(machine, "status", "--json") == 0
        status = told(capsys)
        assert (status["machine"], status["link"]["state"]) == ("paused", "armed" if framed else "ready")
        assert status["holder"].startswith("the running appliance (pid ")
        assert status["link"]["counters"]["host"]
        assert ask(path, "status")["link"]["state"] == status["link"]["state"]
        moved = read_log(twin.log)[before:]
        assert [(one["seq"], one["result"]) for one in moved if one["channel"] is not None][:1] == [(seq, "moved")]
        assert len(moved) <= 2

        ask(path, "resume")
        wait_for(lambda: len(read_log(twin.log)) > before + 2, 30)
        assert actuator(machine, "monitor", "--seconds", "1", "--json") == 0
        assert any("SORT" in line or "COMMAND" in line for line in capsys.readouterr().out.splitlines())
    numbers = [one["seq"] for one in read_log(twin.log) if one["seq"] is not None]
    assert len(numbers) == len(set(numbers))
    assert events(machine)[:2] == [("fire", None), ("fire-end", "done")]


def test_an_order_whose_asker_has_left_moves_nothing(config_file: ConfigFile, twin: TwinControl) -> None:
    """The asker goes in the moment of asking: either it had begun by then, or it never does; the journal knows."""
    twin.start()
    with daemon(_configured(config_file)) as path:
        paused(path)
        before = len(read_log(twin.log))
        for _ in range(5):
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as client:
                client.connect(str(path))
                client.sendall(b'{"cmd": "fire", "bin": "cans"}\n')
        assert actuator(config_file, "fire", "cans") == 0
        moved = read_log(twin.log)[before:]
    ends = events(config_file)
    assert ends.count(("fire-end", "done")) == len(moved)
    assert ends.count(("fire", None)) == len([kind for kind, _ in ends if kind == "fire-end"])


def test_run_with_its_twin_agrees_about_what_was_moved_by_hand(config_file: ConfigFile) -> None:
    path = _configured(config_file).state_dir / SOCKET_FILE
    with running(config_file.path, "--twin") as process:
        wait_for(lambda: answers(path), 60)
        paused(path)
        assert actuator(config_file, "fire", "cans") == 0
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out.splitlines()[-1])["far_end"]["agrees"] is True


def test_a_link_that_is_down_is_exit_code_11_and_what_was_known_is_told_as_such(
    machine: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    path = machine.state_dir / SOCKET_FILE
    with running(machine.path) as process:
        wait_for(lambda: answers(path), 60)
        wait_for(lambda: ask(path, "status")["items"] > 0, 30)
        assert actuator(machine, "status") == 0
        assert "last known" not in capsys.readouterr().out
        twin.pull()
        wait_for(lambda: ask(path, "status")["link"]["state"] == "down", 30)
        assert actuator(machine, "status") == 11
        rows = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
        assert rows["link"].startswith("the link is DOWN")
        assert rows["board"].startswith("last known: ")
        assert rows["counters"].startswith("last known: ")
        assert actuator(machine, "status", "--json") == 11
        process.kill()


def test_an_appliance_that_stands_still_is_named_and_its_port_left_alone(
    config_file: ConfigFile, twin: TwinControl, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.start()
    path = _configured(config_file).state_dir / SOCKET_FILE
    with running(config_file.path) as process:
        wait_for(lambda: answers(path), 60)
        process.send_signal(signal.SIGSTOP)
        said = f"it runs (pid {process.pid}), and has not answered in 3 s"
        for words in (("actuator", "status"), ("actuator", "fire", "cans"), ("status",)):
            assert main([*words, "-c", str(config_file.path)]) == 2
            assert said in capsys.readouterr().err
        assert main(["diagnose", "--json", "-c", str(config_file.path)]) == 2
        findings = {one["check"]: one for one in told(capsys)["findings"]}
        assert said in findings["appliance"]["evidence"]
        assert not {"camera", "link"} & set(findings)
        process.kill()


# At a terminal


def test_a_person_is_asked_again_after_a_slip(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start()
    _configured(config_file)
    bins = [name for name, one in config_file.values["decision"]["bins"].items() if "channel" in one]
    typed = "perhaps\nyes\n\nleft\nright\n" + "no\n" * (len(bins) - 1)
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "appliance", "actuator", "test", "-c", str(config_file.path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=slave, stdout=subprocess.PIPE, text=True) as process:
        os.write(master, typed.encode())
        said = process.communicate(timeout=120)[0]
    os.close(master)
    os.close(slave)
    assert process.returncode == 0
    assert "'left' is no answer" in said
    assert len(read_log(twin.log)) == 1


def test_what_was_moved_is_kept_when_a_person_leaves(config_file: ConfigFile, twin: TwinControl) -> None:
    """At the question what was seen, the second movement being done."""
    twin.start()
    _configured(config_file)
    end_of_input = "\x04"
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "appliance", "actuator", "test", "-c", str(config_file.path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=slave, stdout=subprocess.PIPE, text=True) as process:
        os.write(master, ("yes\nright\nyes\n" + end_of_input).encode())
        said = process.communicate(timeout=120)[0]
    os.close(master)
    os.close(slave)
    assert process.returncode == 130
    assert "nobody said what was seen" in said
    kept = json.loads((config_file.state_dir / RESULT_FILE).read_text())
    assert [(one["bin"], one["status"], one["saw"]) for one in kept["bins"]] == [
        ("cans", "done", "right"),
        ("glass", "done", ""),
    ]
    assert kept["complete"] is False
    assert len(read_log(twin.log)) == 2
