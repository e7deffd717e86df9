"""A real daemon loop on a SIMULATED device in a real capture process, and the faults of real cameras, one by one."""

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from appliance.camera import CAMERAS
from appliance.capture.simulated import drawn_at_ns
from appliance.classifier import CLASSIFIERS
from appliance.cli.build import limits_of, open_parts
from appliance.config import load_config
from appliance.errors import ApplianceError
from appliance.loop import SortingLoop
from appliance.records import Frame, Outcome, OutcomeKind
from appliance.sorter import SORTERS
from appliance.trigger import TRIGGERS

__all__ = ["CAMERA", "FAULTS", "Done", "Rig", "rig"]

MAX_AGE_S = 0.2
FPS = 50
CAMERA = {"stall_s": 0.5, "open_s": 3.0, "recovery_s": 60.0, "frozen_after": 10}
"""Less patience with a stall than a real machine has, so that many faults fit into a minute; more with a camera that
fails again and again, as this one does."""
HEALTHY_S = 0.6
"""A little longer than `stall_s`: so long it takes until a camera that came back counts as well."""
GIVE_UP_S = 60.0
FAULTS = ("stopped", "hang", "stall", "frozen", "old", "corrupt", "gone", "crash", "killed")
"""`stopped`: SIGSTOP; `killed`: SIGKILL; the others are orders of the SIMULATED device."""


@dataclass(frozen=True)
class Done:
    """One fault. `back_s`: from the end of its cause to the first decision on a picture drawn after that."""

    kind: str
    lasted_s: float
    back_s: float


@dataclass
class Rig:
    """The loop as the fault's author sees it."""

    camera: Any
    orders: Path
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the loop has ended, or shall end."""
    drawn: dict[int, int] = field(default_factory=dict)
    decided: list[tuple[int, int]] = field(default_factory=list)
    """(moment of the decision, moment the picture was drawn), both in ns."""

    def suffer(self, kind: str, lasts_s: float) -> Done:
        """One fault from its beginning until the machine sorts again, after a moment of health."""
        time.sleep(HEALTHY_S)
        began = time.monotonic()
        ended_ns = self._stop(lasts_s) if kind == "stopped" else self._kill() if kind == "killed" else None
        if ended_ns is None:
            self.order(kind)
            time.sleep(lasts_s)
            self.order("")
            ended_ns = time.monotonic_ns()
        lasted_s = time.monotonic() - began
        deadline = time.monotonic() + GIVE_UP_S
        while not (fresh := [at for at, drawn in self.decided[-50:] if drawn > ended_ns]):
            assert time.monotonic() < deadline, f"{kind}: not sorting again"
            time.sleep(0.005)
        return Done(kind, lasted_s, (fresh[0] - ended_ns) / 1e9)

    def sins(self) -> list[str]:
        """Every decision on a picture of long ago, or on one that had been decided."""
        late = [f"{(at - drawn) / 1e6:.0f} ms old" for at, drawn in self.decided if at - drawn > 1.05e9 * MAX_AGE_S]
        shown = [drawn for _, drawn in self.decided]
        return late + ["decided twice"] * (len(shown) - len(set(shown)))

    def hear(self, outcome: Outcome) -> None:
        if outcome.kind is not OutcomeKind.MISSED:
            at_ns = outcome.taken_at_ns + int(outcome.latency_ms * 1e6)
            # What the stamp says and what the picture shows may differ: that is what some faults do.
            self.decided.append((at_ns, self.drawn[outcome.frame_id]))

    def latest(self, after_id: int, timeout_s: float) -> Frame | None:
        frame: Frame | None = self.camera.latest(after_id, timeout_s)
        if frame is not None:
            self.drawn[frame.id] = drawn_at_ns(frame.pixels)
        return frame

    def __getattr__(self, name: str) -> Any:
        return getattr(self.camera, name)

    def order(self, word: str) -> None:
        beside = self.orders.with_suffix(".new")
        beside.write_text(word)
        beside.replace(self.orders)

    def _stop(self, lasts_s: float) -> int:
        """Half of the stopped processes are let go on, maybe after they have been replaced."""
        pid = self._pid()
        os.kill(pid, signal.SIGSTOP)
        began_ns = time.monotonic_ns()
        if random.random() < 0.5:
            return began_ns
        time.sleep(lasts_s)
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return began_ns
        return time.monotonic_ns()

    def _kill(self) -> int:
        os.kill(self._pid(), signal.SIGKILL)
        return time.monotonic_ns()

    def _pid(self) -> int:
        while (pid := self.camera.pid) is None:
            time.sleep(0.001)
        return int(pid)


@contextmanager
def rig(tmp_path: Path, author: Callable[[Rig], None], **camera: Any) -> Iterator[tuple[Rig, Any]]:
    """Run the loop in this thread while `author` works in another; yields when the author is done.

    The second value is the last snapshot. The author's exception is raised here.
    """
    orders = tmp_path / "orders"
    values = {
        "machine": {"state_dir": str(tmp_path / "state")},
        "camera": {
            "kind": "simulated-device",
            "width": 160,
            "height": 120,
            "fps": FPS,
            "orders": str(orders),
            **camera,
        },
        "trigger": {"kind": "every-frame"},
        "classifier": {"kind": "scripted", "labels": ["can"], "answers": [{"label": "can"}]},
        "decision": {
            "bins": {"cans": {"action": "none", "labels": ["can"]}, "rest": {"action": "none"}},
            "reject_bin": "rest",
            "max_age_ms": int(MAX_AGE_S * 1e3),
        },
        "sorter": {"kind": "simulated"},
        "evidence": {"keep": "none"},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    tables = {"camera": CAMERAS, "trigger": TRIGGERS, "classifier": CLASSIFIERS, "sorter": SORTERS}
    config = load_config(path, tables)
    failed: list[BaseException] = []
    with open_parts(config) as parts:
        one = Rig(parts.camera, orders)
        loop = SortingLoop(replace(parts, camera=one), limits_of(config, None), one.stop, on_outcome=one.hear)

        def work() -> None:
            try:
                author(one)
            except BaseException as error:  # noqa: BLE001  # the thread's edge: raised by its owner
                failed.append(error)
            finally:
                one.stop.set()

        thread = threading.Thread(target=work, name="author")
        thread.start()
        try:
            loop.run()
        except ApplianceError as error:
            failed.insert(0, error)
        finally:
            one.stop.set()
            thread.join()
        if failed:
            raise failed[0]
        yield one, parts.health.snapshot


def main(kind: str, count: str, folder: str) -> None:
    """`python -m capture_faults KIND COUNT FOLDER`: so many faults of one kind; prints what came out as JSON."""
    random.seed(kind)
    done: list[Done] = []

    def author(one: Rig) -> None:
        done.extend(one.suffer(kind, random.uniform(0.02, 0.5)) for _ in range(int(count)))

    with rig(Path(folder), author, **CAMERA) as (one, snapshot):
        back_s = [fault.back_s for fault in done]
        result = {"kind": kind, "decisions": len(one.decided), "sins": one.sins(), "back_s": back_s}
    print(json.dumps(result | {"snapshot": snapshot.as_dict()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
