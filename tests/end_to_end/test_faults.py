"""Pulled cables, killed processes, pauses: what is left agrees with what the far end saw."""

import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, SCRIPTED, ConfigFile, TwinControl, appliance, running, wait_for

from appliance.agreement import Agreement, compare
from appliance.control_client import ask
from appliance.errors import UsageError
from appliance.history import open_history
from appliance.twin import read_log

CHANNELS = {"rest": 0, "cans": 1, "glass": 2, "plastic": 3, "nothing": None}
ENDLESS = {"kind": "folder", "path": str(ROOT / "pictures" / "chamber"), "loop": True}


def logged(twin: TwinControl) -> int:
    return len(read_log(twin.log)) if twin.log.exists() else 0


def rows_of(config_file: ConfigFile) -> list[dict[str, Any]]:
    with open_history(config_file.state_dir) as history:
        return list(history.items())


def agreement(config_file: ConfigFile, twin: TwinControl) -> Agreement:
    return compare(rows_of(config_file), read_log(twin.log), CHANNELS)


@pytest.mark.parametrize("after", [3, 10, 25])
def test_sigkill_loses_no_movement(after: int, config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start("--delay", "0.01")
    config_file.change(classifier=SCRIPTED, camera=ENDLESS)
    with running(config_file.path) as process:
        wait_for(lambda: logged(twin) >= after, 30)
        process.kill()
        process.wait()
    # The next start takes over what the killed one had decided and not yet committed.
    done = appliance("run", "-c", str(config_file.path), "--items", "5", "--json")

    assert done.returncode == 0, done.stderr
    found = agreement(config_file, twin)
    assert found.contradictions == ()
    assert found.commands >= after + 3
    rows = rows_of(config_file)
    assert len({row["item"] for row in rows}) == len(rows)
    assert sum(row["outcome"] == "uncertain" for row in rows) <= 1
    with open_history(config_file.state_dir) as history:
        assert "unclean-end-found" in [event["kind"] for event in history.events()]


def test_a_pulled_cable_repeats_nothing_and_sorting_goes_on(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start("--delay", "0.05")
    config_file.change(classifier=SCRIPTED, camera=ENDLESS)
    with running(config_file.path, "--items", "40") as process:
        for pulls in range(1, 4):
            wait_for(lambda enough=pulls * 6: logged(twin) >= enough, 30)
            twin.pull()
            time.sleep(0.3)
            twin.start("--delay", "0.05")
        out, errors = process.communicate(timeout=60)

    assert process.returncode == 0, errors
    summary = json.loads(out.splitlines()[-1])
    assert summary["items"] == 40
    assert summary["uncertain"] <= 3  # at most the one that was out, for each pull
    assert agreement(config_file, twin).contradictions == ()


def test_the_cable_may_come_back_under_another_name(config_file: ConfigFile, twin: TwinControl, tmp_path: Path) -> None:
    twin.start(link=tmp_path / "ttyUSB0")
    config_file.change(classifier=SCRIPTED, camera=ENDLESS, sorter={"port": f"{tmp_path}/ttyUSB*"})
    with running(config_file.path, "--items", "20") as process:
        wait_for(lambda: logged(twin) >= 5, 30)
        twin.pull()
        (tmp_path / "ttyUSB0").unlink()
        twin.start(link=tmp_path / "ttyUSB1")
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 0, errors
    assert agreement(config_file, twin).contradictions == ()


def test_a_cable_that_stays_away_ends_the_program_with_the_links_exit_code(
    config_file: ConfigFile, twin: TwinControl
) -> None:
    twin.start()
    config_file.change(classifier=SCRIPTED, camera=ENDLESS, sorter={"recovery_s": 1.0})
    with running(config_file.path) as process:
        wait_for(lambda: logged(twin) >= 3, 30)
        twin.pull()
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 11
    assert "stayed away" in errors
    assert agreement(config_file, twin).contradictions == ()


def test_a_far_end_with_every_fault_is_never_contradicted(config_file: ConfigFile, twin: TwinControl) -> None:
    faults = ("--delay", "0.005", "--refuse", "0.1", "--silent", "0.2", "--noise", "0.3", "--jam-after", "60")
    twin.start(*faults, "--seed", "7")
    config_file.change(classifier=SCRIPTED, camera=ENDLESS, sorter={"timeout_s": 0.3})
    done = appliance("run", "-c", str(config_file.path), "--items", "120", "--json")

    summary = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0
    assert summary["failed"] > 10
    assert summary["uncertain"] > 0
    assert summary["sorted"] + summary["rejected"] + summary["failed"] + summary["uncertain"] == 120
    assert agreement(config_file, twin).contradictions == ()


def test_while_paused_nothing_moves(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start("--delay", "0.01")
    config_file.change(classifier=SCRIPTED, camera=ENDLESS)
    with running(config_file.path) as process:
        wait_for(lambda: logged(twin) >= 3, 30)
        paused = appliance("pause", "-c", str(config_file.path))
        path = config_file.state_dir / "control.sock"
        wait_for(lambda: ask(path, "status")["state"] == "paused")
        before = logged(twin)
        time.sleep(0.5)
        during = logged(twin)
        appliance("resume", "-c", str(config_file.path))
        wait_for(lambda: logged(twin) > during, 10)
        process.send_signal(signal.SIGTERM)
        process.wait(20)

    assert paused.returncode == 0
    assert "paused" in paused.stdout
    assert before == during


def test_sigterm_finishes_the_item_and_closes_everything(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start("--delay", "0.3")
    config_file.change(classifier=SCRIPTED, camera=ENDLESS)
    with running(config_file.path) as process:
        wait_for(lambda: logged(twin) >= 3, 30)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)

    summary = json.loads(out.splitlines()[-1])
    assert (process.returncode, summary["uncertain"]) == (0, 0)
    assert agreement(config_file, twin).contradictions == ()
    assert not (config_file.state_dir / "control.sock").exists()
    with open_history(config_file.state_dir) as history:
        assert [event["kind"] for event in history.events()][-1] == "run-end"


def test_systemd_hears_ready_the_watchdog_and_stopping(
    config_file: ConfigFile, twin: TwinControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin.start("--delay", "0.01")
    config_file.change(classifier=SCRIPTED, camera=ENDLESS)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "800000")
        said: list[str] = []
        with running(config_file.path) as process:
            while said.count("WATCHDOG=1") < 3:
                said.append(systemd.recv(4096).decode())
            process.send_signal(signal.SIGTERM)
            while "STOPPING=1" not in said:
                said.append(systemd.recv(4096).decode())
            process.communicate(timeout=20)

    assert said.index("READY=1") < said.index("WATCHDOG=1") < said.index("STOPPING=1")
    assert any(line.startswith("STATUS=sorting") for line in said)


def test_a_hanging_loop_is_not_fed_to_the_watchdog(
    config_file: ConfigFile, twin: TwinControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that gives nothing is no progress: the watchdog falls silent before the camera is given up."""
    twin.start()
    faults = [{"at": 5, "kind": "stall", "seconds": 60}]
    camera = {"kind": "simulated", "pictures": ENDLESS["path"], "fps": 20, "faults": faults, "stall_s": 30.0}
    config_file.change(classifier=SCRIPTED, camera=camera)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        with running(config_file.path) as process:
            wait_for(lambda: _said(systemd, b"WATCHDOG=1"), 20)
            time.sleep(1.5)
            _drain(systemd)
            time.sleep(1.5)
            heard = _drain(systemd)
            alive = process.poll() is None
            process.kill()

    assert alive
    assert b"WATCHDOG=1" not in heard


def _said(systemd: socket.socket, wanted: bytes) -> bool:
    systemd.settimeout(0.5)
    try:
        return wanted in systemd.recv(4096)
    except TimeoutError:
        return False


def _drain(systemd: socket.socket) -> list[bytes]:
    systemd.setblocking(False)
    heard = []
    while True:
        try:
            heard.append(systemd.recv(4096))
        except BlockingIOError:
            return heard


def test_two_daemons_do_not_share_a_state_directory(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start()
    config_file.change(classifier=SCRIPTED, camera=ENDLESS)
    with running(config_file.path) as process:
        wait_for(lambda: logged(twin) >= 1, 30)
        second = appliance("run", "-c", str(config_file.path), "--json")
        process.kill()

    assert second.returncode == 13
    assert f"another appliance holds it (pid {process.pid})" in second.stderr


def test_status_without_a_daemon_says_so(config_file: ConfigFile) -> None:
    done = appliance("status", "-c", str(config_file.path))

    assert done.returncode == UsageError.exit_code
    assert "no socket at" in done.stderr
    assert os.linesep in done.stderr


def test_a_killed_run_leaves_no_twin_behind(config_file: ConfigFile, twin: TwinControl) -> None:
    config_file.change(classifier=SCRIPTED, camera=ENDLESS)
    with running(config_file.path, "--twin") as process:
        wait_for((config_file.state_dir / "control.sock").is_socket, 30)
        process.kill()
        process.wait()
    # The twin takes its link away when it ends.
    wait_for(lambda: not twin.link.is_symlink(), 10)
