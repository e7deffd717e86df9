"""Is the loop getting anywhere, and who must be told: systemd's watchdog hears nothing but progress."""

import logging
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from appliance.clock import Clock
from appliance.records import Outcome
from appliance.wording import counted, told

__all__ = ["Health", "Latencies", "Notifier", "Snapshot", "arrivals", "brief"]


log = logging.getLogger(__name__)

_SILENT_S = 2.0
"""A live camera that has shown nothing new for so long is worth a word."""


class Latencies:
    """Percentiles over the last 65,536 items, in memory that never grows."""

    def __init__(self, size: int = 65_536) -> None:
        self._ring = np.zeros(size, np.float32)
        self._count = 0

    def add(self, latency_ms: float) -> None:
        self._ring[self._count % len(self._ring)] = latency_ms
        self._count += 1

    def summary(self) -> dict[str, float | None]:
        """p50, p95, p99 and max in ms; None before the first item."""
        known = self._ring[: min(self._count, len(self._ring))]
        if not len(known):
            return {"p50": None, "p95": None, "p99": None, "max": None}
        p50, p95, p99 = np.percentile(known, (50, 95, 99))
        values = {"p50": p50, "p95": p95, "p99": p99, "max": known.max()}
        return {name: round(float(value), 3) for name, value in values.items()}


def brief(outcome: Outcome) -> dict[str, object]:
    """The last item, as a snapshot tells it."""
    decision = outcome.decision
    return {
        "item": outcome.item_id,
        "source": outcome.source,
        "label": decision.label,
        "confidence": round(decision.confidence, 4),
        "bin": decision.bin,
        "outcome": outcome.kind.value,
        "rule": decision.rule.value,
        "latency_ms": round(outcome.latency_ms, 3),
    }


def arrivals(state: str, picture_age_s: float | None) -> str:
    """Do pictures come? In words where that is not plain from the items that are sorted; "" elsewhere, and of stored
    pictures, which have no age."""
    if picture_age_s is None or state in ("starting", "stopped"):
        return ""
    if picture_age_s > _SILENT_S:
        return f"no new picture for {picture_age_s:.0f} s"
    return f"pictures arrive, the newest is {picture_age_s:.1f} s old" if state == "paused" else ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the loop says of itself: immutable, published whole, read by other threads without a lock.

    `picture_age_s` is that of a live camera's newest picture, None before the first and of stored ones. `link` is what
    the sorter tells of its link (`appliance.sorter.Describes`), empty where it tells nothing.
    """

    state: str
    machine: str
    state_dir: str
    run_id: str
    model: str
    camera: str
    sorter: str
    simulated: bool
    uptime_s: float
    items: int
    outcomes: Mapping[str, int]
    bins: Mapping[str, int]
    frames: int
    dropped: int
    skipped: int
    last: Mapping[str, Any] = field(default_factory=dict)
    trigger: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""
    stale: int = 0
    corrupt: int = 0
    stalls: int = 0
    restarts: int = 0
    picture_age_s: float | None = None
    drift: Mapping[str, Any] = field(default_factory=dict)
    link: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def line(self) -> str:
        """One line for systemctl and for the log."""
        ends = told(self.outcomes)
        return f"{self.state}: {counted(self.items, 'item')} ({ends or 'none yet'})" + (
            "".join(f"; {said}" for said in self._said() if said)
        )

    def _said(self) -> tuple[str, ...]:
        drift: Mapping[str, str] = self.drift.get("warnings", {})
        return (arrivals(self.state, self.picture_age_s), self.trouble, *drift.values())


class Notifier:
    """Messages to systemd; silent where nobody listens. Source: sd_notify(3), sd_watchdog_enabled(3)."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._address = environment.get("NOTIFY_SOCKET", "")
        usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        mine = not pid or pid == str(os.getpid())
        self.watchdog_s = int(usec) / 1e6 if usec.isdigit() and mine else 0.0

    def send(self, *lines: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(1.0)
                channel.sendto("\n".join(lines).encode(), address)
        except OSError:
            # systemd that cannot be reached will see a silent watchdog; there is nothing better to do here.
            return


class Health:
    """Holds the loop's last sign of progress and passes it on, and the newest snapshot."""

    def __init__(self, notifier: Notifier, clock: Clock = time.monotonic_ns) -> None:
        self._notifier = notifier
        self._clock = clock
        self._progress_ns = clock()
        self._fed_ns = self._said_ns = 0
        self.snapshot: Snapshot | None = None

    @property
    def progress_age_s(self) -> float:
        """Seconds since the loop last got anywhere."""
        return (self._clock() - self._progress_ns) / 1e9

    def progress(self) -> None:
        """A new frame, a finite source's end, a pause that was asked for, or a step of a bounded recovery."""
        self._progress_ns = self._clock()

    def tick(self) -> None:
        """Feed the watchdog, if progress is fresh. Called on every pass of the loop."""
        limit_s = self._notifier.watchdog_s
        now_ns = self._clock()
        if limit_s and self.progress_age_s < limit_s / 2 and (now_ns - self._fed_ns) / 1e9 >= limit_s / 4:
            self._fed_ns = now_ns
            self._notifier.send("WATCHDOG=1")

    def publish(self, snapshot: Snapshot) -> None:
        """Make a snapshot the newest, and tell systemd once in a few seconds or when the state changed."""
        changed = self.snapshot is None or self.snapshot.state != snapshot.state
        self.snapshot = snapshot
        now_ns = self._clock()
        if changed or now_ns - self._said_ns > 5_000_000_000:
            self._said_ns = now_ns
            self._notifier.send(f"STATUS={snapshot.line()}")

    def warn_if_too_slow(self, stall_s: float) -> None:
        """Say so if a camera may be silent for longer than the watchdog waits."""
        if 0 < self._notifier.watchdog_s / 2 <= stall_s:
            log.warning(
                "camera.stall_s is %g s, the watchdog wants progress every %g s: lower it, or raise WatchdogSec",
                stall_s,
                self._notifier.watchdog_s / 2,
            )

    def ready(self) -> None:
        self._notifier.send("READY=1")

    def stopping(self) -> None:
        self._notifier.send("STOPPING=1")
