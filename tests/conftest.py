"""What all tests share: nothing may stay open, and a far end that is a process of its own."""

import contextlib
import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import ConfigFile, TwinControl


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--acceptance", action="store_true", help="also run what takes minutes (make acceptance)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--acceptance"):
        return
    for item in items:
        if "acceptance" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason="takes minutes: run `make acceptance`"))


def _open_files() -> set[str]:
    """What this process has open, apart from the interpreter's own and the test runner's capture."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
        except OSError:
            continue
    return found


def _children() -> set[int]:
    """The processes that this one has started and that still run."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        # A thread may end between the listing and the reading.
        with contextlib.suppress(OSError):
            found.update(map(int, path.read_text().split()))
    return found


@pytest.fixture(autouse=True)
def nothing_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """No thread, no child process, no port, no file survives a test. (TensorFlow keeps pools of its own.)"""
    if request.node.get_closest_marker("workstation"):
        yield
        return
    threads, files, children = set(threading.enumerate()), _open_files(), _children()
    yield
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        left = [thread for thread in threading.enumerate() if thread not in threads and thread.is_alive()]
        opened, started = sorted(_open_files() - files), _children() - children
        if not left and not opened and not started:
            break
        gc.collect()
        time.sleep(0.02)
    assert left == []
    assert opened == []
    assert started == set()


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[TwinControl]:
    control = TwinControl(tmp_path)
    yield control
    control.pull()


@pytest.fixture
def config_file(tmp_path: Path) -> ConfigFile:
    return ConfigFile(tmp_path)
