"""What systemd hears, on a real datagram socket: readiness, state, and a watchdog that is fed by progress only."""

import dataclasses
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.health import Health, Latencies, Notifier, Snapshot

SNAPSHOT = Snapshot(
    state="sorting",
    machine="left",
    state_dir="/var/lib/appliance",
    run_id="3f9a12cd",
    model="chamber5 1.0.0 (0123abcd)",
    camera="pictures",
    sorter="SIMULATED",
    simulated=True,
    uptime_s=12.5,
    items=3,
    outcomes={"sorted": 2, "rejected": 1, "missed": 0},
    bins={"cans": 2, "rest": 1},
    frames=3,
    dropped=0,
    skipped=0,
)
WATCHDOG_S = 10.0


class HandClock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


class Systemd:
    """The far end: the socket that systemd would have made."""

    def __init__(self, address: str) -> None:
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a path", "an abstract name"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    address = str(tmp_path / "notify") if request.param == "a path" else f"@appliance-test-{os.getpid()}"
    far_end = Systemd(address)
    yield far_end
    far_end.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def health(systemd: Systemd, clock: HandClock) -> Health:
    return Health(Notifier(systemd.environment), clock)


def test_ready_and_stopping_are_said_once(systemd: Systemd, health: Health) -> None:
    health.ready()
    health.stopping()
    assert systemd.heard() == ["READY=1", "STOPPING=1"]


def test_nothing_is_said_before_there_is_something_to_say(systemd: Systemd, health: Health) -> None:
    assert systemd.heard() == []
    assert health.snapshot is None


def test_a_snapshot_is_told_when_the_state_changes_or_seconds_passed(
    systemd: Systemd, health: Health, clock: HandClock
) -> None:
    health.publish(SNAPSHOT)
    assert systemd.heard() == ["STATUS=sorting: 3 items (2 sorted, 1 rejected)"]
    clock.pass_s(1)
    health.publish(dataclasses.replace(SNAPSHOT, items=4))
    assert systemd.heard() == []
    assert health.snapshot == dataclasses.replace(SNAPSHOT, items=4)
    health.publish(dataclasses.replace(SNAPSHOT, state="paused"))
    assert systemd.heard() == ["STATUS=paused: 3 items (2 sorted, 1 rejected)"]
    clock.pass_s(5.1)
    health.publish(dataclasses.replace(SNAPSHOT, state="paused", items=5))
    assert systemd.heard() == ["STATUS=paused: 5 items (2 sorted, 1 rejected)"]


def test_the_watchdog_is_fed_while_progress_is_fresh(systemd: Systemd, health: Health, clock: HandClock) -> None:
    fed: list[str] = []
    for _ in range(100):
        clock.pass_s(0.5)
        health.progress()
        health.tick()
        fed += systemd.heard()
    assert set(fed) == {"WATCHDOG=1"}
    assert 50 / WATCHDOG_S * 2 <= len(fed) <= 50 / WATCHDOG_S * 4 + 1


def test_the_watchdog_starves_when_nothing_gets_anywhere(systemd: Systemd, health: Health, clock: HandClock) -> None:
    """A loop that spins without progress calls tick all the same."""
    health.progress()
    for _ in range(200):
        clock.pass_s(0.1)
        health.tick()
    fed = len(systemd.heard())
    assert fed <= 3  # all of them within the first half of the watchdog's time
    for _ in range(200):
        clock.pass_s(0.1)
        health.tick()
    assert systemd.heard() == []
    health.progress()
    health.tick()
    assert systemd.heard() == ["WATCHDOG=1"]


def test_the_last_feeding_leaves_systemd_its_whole_patience_at_most_once(
    systemd: Systemd, health: Health, clock: HandClock
) -> None:
    """From the last progress to the last feeding passes less than half of the watchdog's time."""
    health.progress()
    last_fed_s = 0.0
    for step in range(1, 300):
        clock.pass_s(0.1)
        health.tick()
        if systemd.heard():
            last_fed_s = step / 10
    assert 0 < last_fed_s < WATCHDOG_S / 2


def test_the_age_of_the_progress_can_be_asked_for(health: Health, clock: HandClock) -> None:
    clock.pass_s(3.5)
    assert health.progress_age_s == pytest.approx(3.5)
    health.progress()
    assert health.progress_age_s == 0


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "nonsense"}, 0.0),
        ({"WATCHDOG_USEC": ""}, 0.0),
    ],
)
def test_the_watchdogs_time_is_the_one_meant_for_this_process(environment: dict[str, str], seconds: float) -> None:
    assert Notifier(environment).watchdog_s == seconds


def test_without_a_watchdog_nothing_is_fed(systemd: Systemd, clock: HandClock) -> None:
    health = Health(Notifier({"NOTIFY_SOCKET": systemd.environment["NOTIFY_SOCKET"]}), clock)
    for _ in range(10):
        clock.pass_s(10)
        health.progress()
        health.tick()
    assert systemd.heard() == []


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@nobody-listens-here", "relative"])
def test_without_a_listener_everything_goes_on(address: str) -> None:
    health = Health(Notifier({"NOTIFY_SOCKET": address}))
    health.ready()
    health.publish(SNAPSHOT)
    health.stopping()
    assert health.snapshot == SNAPSHOT


def test_a_listener_that_went_away_stops_nothing(systemd: Systemd, health: Health) -> None:
    systemd.close()
    health.ready()


def test_several_lines_are_one_message(systemd: Systemd) -> None:
    Notifier(systemd.environment).send("READY=1", "STATUS=well")
    assert systemd.heard() == ["READY=1\nSTATUS=well"]


# The snapshot


def test_a_snapshots_line_names_what_ended_how_and_the_trouble() -> None:
    assert SNAPSHOT.line() == "sorting: 3 items (2 sorted, 1 rejected)"
    fresh = dataclasses.replace(SNAPSHOT, items=0, outcomes={"sorted": 0}, trouble="the link is down")
    assert fresh.line() == "sorting: 0 items (none yet); the link is down"


@pytest.mark.parametrize(
    ("state", "age_s", "said"),
    [
        ("paused", 0.04, "; pictures arrive, the newest is 0.0 s old"),
        ("paused", 12.4, "; no new picture for 12 s"),
        ("sorting", 0.04, ""),
        ("sorting", 2.6, "; no new picture for 3 s"),
        ("paused", None, ""),
        ("stopped", 60.0, ""),
    ],
)
def test_a_paused_machine_with_a_living_camera_can_be_told_from_a_dead_one(
    state: str, age_s: float | None, said: str
) -> None:
    line = dataclasses.replace(SNAPSHOT, state=state, picture_age_s=age_s).line()
    assert line == f"{state}: 3 items (2 sorted, 1 rejected){said}"


def test_a_snapshot_is_all_plain_values() -> None:
    values = SNAPSHOT.as_dict()
    assert set(values) == {field.name for field in dataclasses.fields(Snapshot)}
    assert values["outcomes"] == {"sorted": 2, "rejected": 1, "missed": 0}


# Latencies


def test_no_item_has_no_percentiles() -> None:
    assert Latencies().summary() == {"p50": None, "p95": None, "p99": None, "max": None}


def test_percentiles_are_those_of_all_items() -> None:
    latencies = Latencies()
    for value in range(1, 101):
        latencies.add(float(value))
    assert latencies.summary() == {"p50": 50.5, "p95": 95.05, "p99": 99.01, "max": 100.0}


def test_one_item_is_every_percentile() -> None:
    latencies = Latencies()
    latencies.add(7.25)
    assert latencies.summary() == {"p50": 7.25, "p95": 7.25, "p99": 7.25, "max": 7.25}


def test_only_the_newest_items_count() -> None:
    latencies = Latencies(size=4)
    for value in (1000.0, 1.0, 2.0, 3.0, 4.0):
        latencies.add(value)
    assert latencies.summary()["max"] == 4.0
    assert latencies.summary()["p50"] == 2.5
