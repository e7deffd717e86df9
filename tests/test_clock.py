"""Time as the parts receive it."""

import ctypes
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import appliance.clock
from appliance.clock import Deadline, boot_id, clock_synchronized, wall_offset_ns, wall_text


class HandClock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now_ns = 5_000_000_000

    def __call__(self) -> int:
        return self.now_ns


def test_a_deadline_counts_down_and_then_stays_at_nothing() -> None:
    clock = HandClock()
    deadline = Deadline(2.5, clock)
    assert (deadline.left_s, deadline.expired) == (2.5, False)
    clock.now_ns += 2_400_000_000
    assert deadline.left_s == pytest.approx(0.1)
    assert not deadline.expired
    clock.now_ns += 100_000_000
    assert (deadline.left_s, deadline.expired) == (0.0, True)
    clock.now_ns += 10**12
    assert (deadline.left_s, deadline.expired) == (0.0, True)


def test_a_deadline_of_nothing_has_passed_at_once() -> None:
    assert Deadline(0, HandClock()).expired


def test_the_boot_id_is_the_kernels() -> None:
    assert boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@pytest.fixture
def no_timesyncd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where systemd-timesyncd has not (yet) set the clock; touching the path says that it has."""
    monkeypatch.setattr(appliance.clock, "_TIMESYNCD", tmp_path / "synchronized")
    return tmp_path / "synchronized"


@pytest.mark.usefixtures("no_timesyncd")
@pytest.mark.parametrize(("state", "right"), [(0, True), (1, True), (4, True), (5, False), (-1, False)])
def test_the_clock_is_believed_only_if_the_kernel_believes_it(
    monkeypatch: pytest.MonkeyPatch, state: int, right: bool
) -> None:
    """adjtimex(2): 0..4 are states of a synchronized clock, 5 is TIME_ERROR, -1 means that the call failed."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(adjtimex=lambda buffer: state))
    assert clock_synchronized() is right


def test_systemd_timesyncds_word_is_enough(no_timesyncd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel forgets that it is synchronized after a while without corrections; timesyncd's mark stays."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(adjtimex=lambda buffer: 5))
    assert clock_synchronized() is False
    no_timesyncd.touch()
    assert clock_synchronized() is True


@pytest.mark.usefixtures("no_timesyncd")
def test_a_c_library_without_the_call_means_a_clock_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace())
    assert clock_synchronized() is False


def test_asking_the_real_kernel_changes_nothing_and_answers() -> None:
    assert clock_synchronized() in (True, False)
    assert clock_synchronized() == clock_synchronized()


@pytest.mark.parametrize("age_s", [0, 1.5, 3600, 86_400 * 3])
def test_the_offset_turns_a_monotonic_moment_into_its_wall_time(age_s: float) -> None:
    text = wall_text(time.monotonic_ns() - int(age_s * 1e9) + wall_offset_ns())
    expected = datetime.now(UTC) - timedelta(seconds=age_s)
    assert text.endswith("Z")
    assert len(text) == len("2026-01-01T00:00:00.000Z")
    assert abs(datetime.fromisoformat(text) - expected) < timedelta(seconds=2)


def test_wall_text_is_iso_8601_in_utc() -> None:
    assert wall_text(1_795_000_000_123_456_789) == "2026-11-18T11:06:40.123Z"
