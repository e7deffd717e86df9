"""The power-safe write: whatever happens on the way, the old file or the new one is there, whole."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import ROOT, file_system

from appliance.files import sha256_of, write_power_safe

OLD, NEW = b"old " * 1000, b"new " * 2000
WRITER = """
import sys
from pathlib import Path
from appliance.files import write_power_safe
path, content = Path(sys.argv[1]), b"new " * 2000
try:
    write_power_safe(path, content)
except OSError as error:
    sys.exit(error.errno)
"""
RENAME = "rename,renameat,renameat2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds one old file and nothing else."""
    place = tmp_path / "folder"
    place.mkdir()
    (place / "file").write_bytes(OLD)
    return place


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 64 kB."""
    with file_system(tmp_path / "disk", "64k") as place:
        yield place


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_under_strace(path: Path, *injections: str) -> int:
    """Run the writer with system calls that fail, or that kill it; returns its exit code (errno where one was told)."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    injected = [word for injection in injections for word in ("-e", f"inject={injection}")]
    command = [strace, "-qq", "-o", os.devnull, "-e", f"trace=write,fsync,fchmod,{RENAME}", *injected]
    command += [sys.executable, "-B", "-c", WRITER, str(path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60)
    if b"PTRACE" in result.stderr or b"ptrace" in result.stderr:
        pytest.skip(f"strace may not trace here: {result.stderr.decode().strip()}")
    return result.returncode


def test_a_new_file_is_written_whole_and_readable_by_others(tmp_path: Path) -> None:
    write_power_safe(tmp_path / "file", NEW)
    assert (tmp_path / "file").read_bytes() == NEW
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
    assert names(tmp_path) == ["file"]


def test_an_old_file_is_replaced_and_an_open_reader_keeps_the_old_one(folder: Path) -> None:
    with (folder / "file").open("rb") as reader:
        write_power_safe(folder / "file", NEW)
        assert reader.read() == OLD
    assert (folder / "file").read_bytes() == NEW
    assert names(folder) == ["file"]


def test_an_empty_file_can_be_written(folder: Path) -> None:
    write_power_safe(folder / "file", b"")
    assert (folder / "file").read_bytes() == b""


@pytest.mark.parametrize("call", ["write:when=1", "fchmod:when=1", "fsync:when=1", f"{RENAME}:when=1", "fsync:when=2"])
def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one(folder: Path, call: str) -> None:
    assert write_under_strace(folder / "file", call.replace(":", ":signal=KILL:", 1)) == -9
    assert (folder / "file").read_bytes() in (OLD, NEW)
    if call.startswith(("write", "fchmod")):
        assert (folder / "file").read_bytes() == OLD


@pytest.mark.parametrize("call", ["write", "fsync", RENAME])
def test_a_kill_leaves_nothing_that_stops_the_next_write(folder: Path, call: str) -> None:
    write_under_strace(folder / "file", f"{call}:signal=KILL:when=1")
    write_power_safe(folder / "file", NEW)
    assert (folder / "file").read_bytes() == NEW


@pytest.mark.parametrize(
    ("call", "error", "number"),
    [("write", "ENOSPC", 28), ("write", "EIO", 5), ("fsync", "EIO", 5), (RENAME, "ENOSPC", 28), ("fchmod", "EPERM", 1)],
)
def test_a_disk_that_refuses_a_step_changes_nothing_and_leaves_nothing(
    folder: Path, call: str, error: str, number: int
) -> None:
    assert write_under_strace(folder / "file", f"{call}:error={error}:when=1") == number
    assert (folder / "file").read_bytes() == OLD
    assert names(folder) == ["file"]


def test_a_directory_that_cannot_be_synced_is_told_and_the_file_is_whole(folder: Path) -> None:
    assert write_under_strace(folder / "file", "fsync:error=EIO:when=2") == 5
    assert (folder / "file").read_bytes() == NEW
    assert names(folder) == ["file"]


def test_a_full_disk_changes_nothing_and_leaves_nothing(small_disk: Path) -> None:
    (small_disk / "file").write_bytes(OLD)
    with pytest.raises(OSError, match="No space left"):
        write_power_safe(small_disk / "file", bytes(200_000))
    assert (small_disk / "file").read_bytes() == OLD
    assert names(small_disk) == ["file"]


def test_a_read_only_disk_changes_nothing_and_leaves_nothing(small_disk: Path) -> None:
    (small_disk / "file").write_bytes(OLD)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OSError, match="Read-only"):
        write_power_safe(small_disk / "file", NEW)
    assert (small_disk / "file").read_bytes() == OLD
    assert names(small_disk) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root is never refused by permissions")
def test_a_directory_without_permission_changes_nothing_and_leaves_nothing(folder: Path) -> None:
    folder.chmod(0o555)
    with pytest.raises(PermissionError):
        write_power_safe(folder / "file", NEW)
    folder.chmod(0o755)
    assert (folder / "file").read_bytes() == OLD
    assert names(folder) == ["file"]


@pytest.mark.parametrize("where", ["absent/file", "plain/file"])
def test_a_place_that_is_no_directory_is_an_os_error(tmp_path: Path, where: str) -> None:
    (tmp_path / "plain").write_bytes(OLD)
    with pytest.raises(OSError, match="plain|absent"):
        write_power_safe(tmp_path / where, NEW)
    assert names(tmp_path) == ["plain"]


def test_a_directory_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_power_safe(tmp_path / "taken", NEW)
    assert names(tmp_path) == ["taken"]


@pytest.mark.parametrize("content", [b"", b"a", b"\x00" * 3_000_000])
def test_sha256_is_that_of_the_content(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_sha256_of_what_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sha256_of(tmp_path / "absent")
