"""Taking the commissioning reference while a person waits: what is waited for, and how far it has come."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from appliance.cli.build import make_trigger
from appliance.cli.camera_open import opened
from appliance.clock import Clock, wall_text
from appliance.config import Config
from appliance.reference import Reference
from appliance.viewing import Emptiness, take_reference

__all__ = ["reference_of"]

_SAY_EVERY_NS = 3_000_000_000


def reference_of(config: Config, seconds: float) -> Reference:
    """The reference of the configured camera's empty region, taken within so many seconds; not yet written.

    Raises:
        CameraError: there are no pictures, or too few of the empty region.
    """
    region = config.camera.roi.region() if config.camera.roi else None
    with opened(config) as (camera, _), _progress(seconds) as on_picture:
        trigger = make_trigger(config, region)
        return take_reference(camera, trigger, region, seconds, wall_text(time.time_ns()), on_picture)


@contextmanager
def _progress(seconds: float) -> Iterator[Callable[[Emptiness], None]]:
    """A bar on a terminal, else a line every three seconds; on standard error, for the output may be JSON."""
    print(f"waiting for pictures of the empty region, at most {seconds:g} s", file=sys.stderr, flush=True)
    if not sys.stderr.isatty():
        yield _Lines().hear
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("no picture yet", total=None)
        yield lambda told: bar.update(task, total=told.wanted, completed=told.taken, description=_sentence(told))


class _Lines:
    def __init__(self, clock: Clock = time.monotonic_ns) -> None:
        self._clock = clock
        self._said_ns = clock()

    def hear(self, told: Emptiness) -> None:
        if self._clock() - self._said_ns >= _SAY_EVERY_NS:
            self._said_ns = self._clock()
            print(f"  {_sentence(told)}", file=sys.stderr, flush=True)


def _sentence(told: Emptiness) -> str:
    seen = f"{told.taken} of {told.wanted} pictures of the empty region"
    return f"{seen}: something is in the region" if told.empty is False else seen
