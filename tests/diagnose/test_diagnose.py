"""`diagnose` in its own right: what it says of a healthy machine, a running one, and one without a configuration."""

import json
from typing import Any

import pytest
from support import ROOT, SCRIPTED, ConfigFile, TwinControl, appliance, running, wait_for

from appliance.diagnose import Finding, Verdict, worst_exit_code

CHECKS = ["config", "storage", "machine", "heat", "power", "clock", "model", "camera", "drift", "link"]


def diagnosed(config_file: ConfigFile) -> tuple[int, dict[str, dict[str, Any]]]:
    done = appliance("diagnose", "--json", "-c", str(config_file.path))
    report = json.loads(done.stdout)
    assert report["exit_code"] == done.returncode
    return done.returncode, {one["check"]: one for one in report["findings"]}


def test_a_healthy_machine_fails_nothing_and_its_simulated_link_is_a_warning(
    config_file: ConfigFile, twin: TwinControl
) -> None:
    twin.start()
    code, findings = diagnosed(config_file)

    assert (code, list(findings)) == (0, CHECKS)
    assert not [one for one in findings.values() if one["verdict"] == "fail"]
    assert findings["link"]["verdict"] == "warn"
    assert "SIMULATED" in findings["link"]["evidence"]
    assert not (twin.log.exists() and twin.log.read_text())  # nothing moved


def test_without_a_configuration_the_host_is_still_looked_at(config_file: ConfigFile) -> None:
    config_file.path.write_text("camera: {kind: foldre}\n")
    code, findings = diagnosed(config_file)

    assert code == 78
    assert "did you mean 'folder'?" in findings["config"]["evidence"]
    assert findings["machine"]["verdict"] == "ok"
    assert {findings[name]["verdict"] for name in ("model", "camera", "link")} == {"not run"}


def test_a_running_appliance_is_asked_instead(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start()
    config_file.change(
        classifier=SCRIPTED, camera={"kind": "folder", "path": str(ROOT / "pictures" / "chamber"), "loop": True}
    )
    with running(config_file.path) as process:
        wait_for((config_file.state_dir / "control.sock").is_socket, 30)
        code, findings = diagnosed(config_file)
        process.kill()

    assert code == 0
    assert "in use by the running appliance" in findings["camera"]["evidence"]
    assert "in use by the running appliance" in findings["link"]["evidence"]


@pytest.mark.parametrize("kind", ["line", "framed"])
def test_a_jammed_machine_is_named_where_a_technician_looks(
    kind: str, config_file: ConfigFile, twin: TwinControl
) -> None:
    twin.start("--protocol", kind, "--jam-after", "1")
    if kind == "framed":
        config_file.change(sorter={"kind": "framed", "port": str(twin.link)})
    pictures = str(ROOT / "pictures" / "chamber")
    config_file.change(classifier=SCRIPTED, camera={"kind": "simulated", "fps": 5, "pictures": pictures})
    with running(config_file.path, "-v") as process:
        wait_for((config_file.state_dir / "control.sock").is_socket, 30)
        wait_for(lambda: "jammed" in appliance("history", "tail", "-c", str(config_file.path)).stdout, 30)
        _, findings = diagnosed(config_file)
        status = appliance("actuator", "status", "-c", str(config_file.path)).stdout
        process.terminate()
        log = process.communicate(timeout=60)[1]

    assert "jammed" in findings["link"]["evidence"].split("the last: ")[1]
    assert "jammed" in status.split("failure   the last: ")[1].splitlines()[0]
    assert [line for line in log.splitlines() if ": failed (label): " in line and "jammed" in line]


def test_people_read_the_remedy_under_what_was_seen(config_file: ConfigFile) -> None:
    done = appliance("diagnose", "-c", str(config_file.path))

    assert done.returncode == 11
    assert "→ plug the board in" in done.stdout


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [([], 0), ([("a", Verdict.WARN, 0)], 0), ([("a", Verdict.FAIL, 12), ("b", Verdict.FAIL, 11)], 12)],
)
def test_the_exit_code_is_that_of_the_first_failure(verdicts: list[tuple[str, Verdict, int]], code: int) -> None:
    findings = [Finding(name, verdict, "", exit_code=number) for name, verdict, number in verdicts]

    assert worst_exit_code(findings) == code


def test_a_framed_board_tells_how_it_is(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start("--protocol", "framed")
    config_file.change(sorter={"kind": "framed", "port": str(twin.link)})
    code, findings = diagnosed(config_file)

    assert (code, list(findings)) == (0, [*CHECKS, "board"])
    assert "SIMULATED" in findings["link"]["evidence"]
    assert findings["board"]["verdict"] == "ok"
    assert "firmware 1.0.0, 8 channels" in findings["board"]["evidence"]
    assert not (twin.log.exists() and twin.log.read_text())  # nothing moved


def test_a_bin_beyond_the_boards_channels_and_a_bad_cable_are_told(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start("--protocol", "framed", "--noise", "0.4")
    config_file.values["decision"]["bins"]["cans"]["channel"] = 9
    config_file.change(sorter={"kind": "framed", "port": str(twin.link)})
    done = appliance("diagnose", "--json", "-c", str(config_file.path))
    told = [(one["verdict"], one["evidence"]) for one in json.loads(done.stdout)["findings"] if one["check"] == "board"]

    assert done.returncode == 11
    assert told[0] == ("fail", "it has the channels 0 to 7, which leaves out cans (channel 9)")
    assert [verdict for verdict, evidence in told if "frames from the board were damaged" in evidence] == ["warn"]
