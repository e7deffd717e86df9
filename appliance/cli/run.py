"""`appliance run`: the daemon."""

import argparse
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import Any

from appliance.camera import LabelledSource
from appliance.cli.build import limits_of, open_parts
from appliance.cli.common import add_config_option, load, parser, set_up_log
from appliance.cli.with_twin import compare_logs, twin_for
from appliance.clock import Clock
from appliance.config import Config
from appliance.control import ControlServer
from appliance.control_client import server_path
from appliance.errors import ApplianceError
from appliance.health import Health
from appliance.loop import Parts, SortingLoop
from appliance.machine import process_age_s, pss_kb
from appliance.records import Outcome
from appliance.score import ItemCount, Score
from appliance.sorter import Describes, Sorter

__all__ = ["main"]

log = logging.getLogger(__name__)

_LOG_EVERY_S = 60.0

_EPILOG = """examples:
  appliance run                     sort with config.yaml of this directory
  appliance run --twin              the same with a SIMULATED machine at the far end, and compare both logs
  appliance run --items 100 --json  stop after 100 items; the last line is one JSON object

SIGTERM or Ctrl-C finishes the item, lets the actuator rest and closes the journal."""


def main(command: str, argv: Sequence[str]) -> int:
    """Exit codes: 0 ok, 10 camera, 11 link, 12 model, 13 storage, 70 the twin's log disagrees, 78 configuration."""
    arguments = _parse(command, argv)
    set_up_log(arguments.verbose)
    config = load(arguments.config)
    stop = threading.Event()
    with _signals_set(stop), twin_for(config) if arguments.twin else nullcontext():
        summary, error = _sort(config, arguments, stop)
    if arguments.twin:
        summary["far_end"] = compare_logs(config, summary["run_id"]).as_dict()
    _show_summary(summary, arguments.json)
    if error is not None:
        raise error
    return 0 if summary.get("far_end", {}).get("agrees", True) else 70


def _show_summary(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary), flush=True)
        return
    from appliance.cli.run_text import print_summary

    print_summary(summary)


def _parse(command: str, argv: Sequence[str]) -> argparse.Namespace:
    options = parser(command, "Sort until the source ends or somebody asks to stop.", _EPILOG)
    add_config_option(options)
    options.add_argument("--items", type=_count, metavar="N", help="stop after N items")
    options.add_argument("--json", action="store_true", help="end with one JSON object on standard output")
    options.add_argument(
        "--twin", action="store_true", help="start `appliance twin` at sorter.port and compare its log at the end"
    )
    options.add_argument("-v", "--verbose", action="store_true", help="log every item")
    return options.parse_args(argv)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _sort(
    config: Config, arguments: argparse.Namespace, stop: threading.Event
) -> tuple[dict[str, Any], ApplianceError | None]:
    """Open everything, sort, close everything; the summary, and the error that ended the sorting.

    Raises:
        ApplianceError: something could not be opened; nothing was sorted.
    """
    error: ApplianceError | None = None
    with open_parts(config) as parts:
        watcher = _Watcher(parts)
        loop = SortingLoop(parts, limits_of(config, arguments.items), stop, on_outcome=watcher.hear)
        control = ControlServer(
            server_path(config), lambda: _status(parts.health), parts.switches, _passages_of(parts.sorter)
        )
        try:
            parts.health.warn_if_too_slow(config.camera.stall_s)
            parts.health.ready()
            with _shown(parts, quiet=arguments.json or arguments.verbose):
                loop.run()
        except ApplianceError as ended_by:
            error = ended_by
            parts.journal.event("failed", {"exit_code": error.exit_code, "found": str(error)})
            _log_state(parts)
        finally:
            control.close()
        return _summary(loop, parts, watcher, error), error


def _status(health: Health) -> dict[str, Any]:
    return health.snapshot.as_dict() if health.snapshot is not None else {}


def _passages_of(sorter: Sorter) -> Callable[[int], list[dict[str, Any]]]:
    """What went over the link, where the sorter tells it."""
    if not isinstance(sorter, Describes):
        return lambda after: []
    return lambda after: [asdict(one) for one in sorter.passages(after)]


class _Watcher:
    """Hears every outcome: scores it, logs it, and says once in a while how things are."""

    def __init__(self, parts: Parts, clock: Clock = time.monotonic_ns) -> None:
        self._parts = parts
        self._clock = clock
        self._said_ns = clock()
        self._truth = parts.camera if isinstance(parts.camera, LabelledSource) else None
        self.score = Score(parts.classifier.labels)
        self.count = ItemCount(self._truth.items() if self._truth is not None else {})
        self.start_ms: float | None = None

    def hear(self, outcome: Outcome) -> None:
        if self.start_ms is None:
            self.start_ms = round(process_age_s() * 1e3, 1)
        if self._truth is not None:
            self.score.add(self._truth.truth(outcome.source), outcome)
            self.count.add(outcome)
        said = outcome.decision
        why = f": {outcome.detail}" if outcome.detail else ""
        log.debug("item %s in %s: %s, %.0f %% sure -> %s: %s (%s)%s", outcome.item_id, outcome.source, said.label,
                  100 * said.confidence, said.bin, outcome.kind.value, said.rule.value, why)  # fmt: skip
        if (self._clock() - self._said_ns) / 1e9 > _LOG_EVERY_S:
            self._said_ns = self._clock()
            _log_state(self._parts)


def _log_state(parts: Parts) -> None:
    if parts.health.snapshot is not None:
        log.info("%s", parts.health.snapshot.line())


def _summary(loop: SortingLoop, parts: Parts, watcher: _Watcher, error: ApplianceError | None) -> dict[str, Any]:
    snapshot = parts.health.snapshot
    assert snapshot is not None, "the loop publishes one when it is made and one when it ends"
    return {
        "items": snapshot.items,
        **snapshot.outcomes,
        "frames": snapshot.frames,
        "dropped": snapshot.dropped,
        "skipped": snapshot.skipped,
        "stale": snapshot.stale,
        "corrupt": snapshot.corrupt,
        "stalls": snapshot.stalls,
        "restarts": snapshot.restarts,
        "latency_ms": loop.latencies.summary(),
        "model": snapshot.model,
        "accuracy": watcher.score.summary(),
        "count": watcher.count.summary(parts.camera.ended),
        "trigger": dict(snapshot.trigger),
        "bins": dict(snapshot.bins),
        "run_id": snapshot.run_id,
        "sorter": snapshot.sorter,
        "simulated": snapshot.simulated,
        "seconds": snapshot.uptime_s,
        "start_ms": watcher.start_ms,
        "pss_kb": pss_kb(),
        "error": None if error is None else {"message": str(error), "exit_code": error.exit_code},
    }


@contextmanager
def _signals_set(stop: threading.Event) -> Iterator[None]:
    """SIGTERM, a closed terminal and the first SIGINT ask the loop to stop; a second SIGINT ends at once."""

    def ask(number: int, _: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shown(parts: Parts, *, quiet: bool) -> Iterator[None]:
    """Live counters where a person looks, unless every item is told anyway; nothing elsewhere."""
    if quiet or not sys.stdout.isatty():
        yield
        return
    from appliance.cli.run_text import live_counters

    with live_counters(lambda: parts.health.snapshot):
        yield
