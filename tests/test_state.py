"""The state directory: one holder at a time, proved to be writable, refused in words."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import ROOT, file_system

from appliance.errors import StorageError
from appliance.state import hold_state_dir

HOLDER = """
import sys, time
from pathlib import Path
from appliance.state import hold_state_dir
with hold_state_dir(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 256 kB."""
    with file_system(tmp_path / "disk", "256k") as place:
        yield place


@pytest.fixture
def another_holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the directory `state`."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "state")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def fill(folder: Path) -> None:
    """Take every block that is left, and the last bytes of a started one."""
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return


def test_the_directory_is_made_and_keeps_nothing_of_the_proof(tmp_path: Path) -> None:
    place = tmp_path / "a" / "state"
    with hold_state_dir(place) as held:
        assert held == place
        assert [path.name for path in place.iterdir()] == ["lock"]
        assert (place / "lock").read_text() == f"{os.getpid()}\n"


def test_it_can_be_held_again_after_it_was_let_go(tmp_path: Path) -> None:
    for _ in range(2):
        with hold_state_dir(tmp_path):
            pass


def test_a_second_holder_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with hold_state_dir(tmp_path), pytest.raises(StorageError, match=f"pid {os.getpid()}"), hold_state_dir(tmp_path):
        pass


def test_a_second_holder_is_refused_and_told_who_the_first_is(
    tmp_path: Path, another_holder: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(StorageError) as refused, hold_state_dir(tmp_path / "state"):
        pass
    assert f"another appliance holds it (pid {another_holder.pid})" in refused.value.found
    assert refused.value.exit_code == 13
    assert (tmp_path / "state" / "lock").read_text() == f"{another_holder.pid}\n"


def test_a_killed_holder_lets_go(tmp_path: Path, another_holder: "subprocess.Popen[str]") -> None:
    another_holder.send_signal(signal.SIGKILL)
    another_holder.wait()
    with hold_state_dir(tmp_path / "state"):
        assert (tmp_path / "state" / "lock").read_text() == f"{os.getpid()}\n"


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), hold_state_dir(tmp_path):
        raise RuntimeError
    with hold_state_dir(tmp_path):
        pass


@pytest.mark.parametrize("where", ["plain", "plain/state"])
def test_a_place_that_is_a_file_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "plain").touch()
    with pytest.raises(StorageError, match="plain"), hold_state_dir(tmp_path / where):
        pass


@pytest.mark.parametrize("used_before", [False, True])
def test_a_read_only_disk_is_refused_with_a_remedy(small_disk: Path, used_before: bool) -> None:
    if used_before:
        with hold_state_dir(small_disk):
            pass
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match="Read-only file system") as refused, hold_state_dir(small_disk):
        pass
    assert "machine.state_dir" in refused.value.remedy


@pytest.mark.parametrize("used_before", [False, True])
def test_a_full_disk_is_refused_with_a_remedy(small_disk: Path, used_before: bool) -> None:
    if used_before:
        with hold_state_dir(small_disk):
            pass
    fill(small_disk)
    with pytest.raises(StorageError, match="No space left") as refused, hold_state_dir(small_disk):
        pass
    assert refused.value.remedy == "free some space"
    assert ".probe" not in os.listdir(small_disk)


@pytest.mark.skipif(os.geteuid() == 0, reason="root is never refused by permissions")
def test_a_directory_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(StorageError, match="Permission denied"), hold_state_dir(tmp_path):
        pass
    tmp_path.chmod(0o755)
