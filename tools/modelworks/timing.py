"""How long a picture takes, on this computer: all files, thread counts and kernels in turn, within the same minutes.

Timed: an input of the file's own type, ready as `appliance.preprocess` makes it, copied into the interpreter, the
inference, the output read. Not timed: decoding, resizing, and the first inference of each block, which would pay for
the caches that the file before it left behind. Other load comes and goes on a computer, so a block of each file follows
a block of the other, round by round: their ratios mean something although no single time does.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.preprocess import Preprocessing, TensorFormat
from appliance.records import Pixels
from modelworks.batches import inputs_of
from modelworks.litert import Kernels, LiteModel

__all__ = ["Lane", "Setting", "Timing", "open_lanes", "settings_of", "time_lanes", "timing_ms"]

ROUNDS = 10
SLOW_MS = 20.0
"""A file that takes longer than this is timed in short blocks: it would cost minutes, and load matters less to it."""
SLOW_BLOCK = 2


@dataclass(frozen=True, slots=True)
class Setting:
    """How a file is run."""

    threads: int
    kernels: Kernels


@dataclass(frozen=True, slots=True)
class Timing:
    """What `n` inferences took, in ms a picture."""

    threads: int
    kernels: Kernels
    median: float
    p95: float
    n: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """One file in one setting, loaded and warm. `inputs` are network inputs, shape (n, height, width, 3); `outputs` is
    how many numbers the file gives for a picture."""

    name: str
    setting: Setting
    model: LiteModel
    inputs: NDArray[Any]
    outputs: int
    cost_ms: float

    def block(self, pictures: int) -> int:
        """How many inferences a round has, if `pictures` are wanted in all."""
        return min(SLOW_BLOCK, pictures) if self.cost_ms > SLOW_MS else max(1, round(pictures / ROUNDS))


def settings_of(threads: Sequence[int]) -> tuple[Setting, ...]:
    """The default kernels with each number of threads; the reference kernels, which use one only, once."""
    return (*(Setting(count, "default") for count in threads), Setting(threads[0], "reference"))


def open_lanes(
    files: Mapping[str, Path], settings: Sequence[Setting], pictures: Sequence[Pixels], spec: Preprocessing
) -> list[Lane]:
    """Load every file in every setting, and find out about how long it takes.

    Raises:
        ModelError: a file cannot be loaded, or wants an input that the machine cannot feed.
    """
    inputs: dict[TensorFormat, NDArray[Any]] = {}
    lanes = []
    for setting in settings:
        for name, path in files.items():
            model = LiteModel(path, setting.threads, setting.kernels)
            tensor = model.tensor_format
            if tensor not in inputs:
                inputs[tensor] = inputs_of(pictures, spec, tensor)
            outputs = model.invoke(inputs[tensor][:1]).size
            cost = min(_inference_ms(model, inputs[tensor], number) for number in range(2))
            lanes.append(Lane(name, setting, model, inputs[tensor], outputs, cost))
    return lanes


def timing_ms(lanes: Sequence[Lane], pictures: int) -> float:
    """About how long `time_lanes` takes."""
    return ROUNDS * sum(_block_ms(lane, pictures) for lane in lanes)


def time_lanes(lanes: Sequence[Lane], pictures: int, done: Callable[[float], None]) -> dict[str, list[Timing]]:
    """Each file's times, a setting each, from about `pictures` inferences; `done(ms)` hears of every block's end."""
    times: list[list[float]] = [[] for _ in lanes]
    for turn in range(ROUNDS):
        for lane, taken in zip(lanes, times, strict=True):
            taken += _block(lane, turn, lane.block(pictures))
            done(_block_ms(lane, pictures))
    timings: dict[str, list[Timing]] = {lane.name: [] for lane in lanes}
    for lane, taken in zip(lanes, times, strict=True):
        timings[lane.name].append(_timing(lane.setting, taken))
    return timings


def _block_ms(lane: Lane, pictures: int) -> float:
    return (lane.block(pictures) + 1) * lane.cost_ms


def _block(lane: Lane, turn: int, count: int) -> list[float]:
    """One untimed inference, then `count` timed ones, on pictures that go round."""
    first = turn * count
    _inference_ms(lane.model, lane.inputs, first)
    return [_inference_ms(lane.model, lane.inputs, first + number) for number in range(count)]


def _inference_ms(model: LiteModel, inputs: NDArray[Any], number: int) -> float:
    place = number % len(inputs)
    one = inputs[place : place + 1]
    began = time.perf_counter_ns()
    model.invoke(one)
    return (time.perf_counter_ns() - began) / 1e6


def _timing(setting: Setting, taken: Sequence[float]) -> Timing:
    median, p95 = (round(float(value), 4) for value in np.percentile(taken, (50, 95)))
    return Timing(setting.threads, setting.kernels, median, p95, len(taken))
