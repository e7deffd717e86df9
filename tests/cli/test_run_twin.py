"""`appliance run --twin` beside something else: what its error advises can be done, and helps."""

import signal

from support import ROOT, SCRIPTED, ConfigFile, TwinControl, appliance, running, wait_for


def test_a_second_run_is_told_of_the_first_and_harms_neither_its_twin_nor_its_log(config_file: ConfigFile) -> None:
    pictures = {"kind": "folder", "path": str(ROOT / "pictures" / "chamber"), "loop": True}
    config = str(config_file.change(classifier=SCRIPTED, camera=pictures))
    with running(config_file.path, "--twin") as first:
        wait_for((config_file.state_dir / "control.sock").is_socket, 60)
        second = appliance("run", "--twin", "-c", config)
        first.send_signal(signal.SIGTERM)
        output, _ = first.communicate(timeout=60)

    assert second.returncode == 13
    assert f"another appliance holds it (pid {first.pid})" in second.stderr
    assert "without --twin" not in second.stderr
    assert first.returncode == 0
    assert '"agrees": true' in output


def test_beside_a_twin_that_runs_already_a_run_is_told_to_use_that_one(
    config_file: ConfigFile, twin: TwinControl
) -> None:
    config = str(config_file.change(classifier=SCRIPTED))
    twin.start()
    refused = appliance("run", "--twin", "-c", config)
    advised = appliance("run", "-c", config, "--items", "2", "--json")

    assert (refused.returncode, "`appliance run` without --twin" in refused.stderr) == (11, True)
    assert advised.returncode == 0
