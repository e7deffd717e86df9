"""Which of several files is the best bargain: the objective of the 2020 study, its mended form, the Pareto front. Pure.

Size S, time T and quality of every file are compared with those of one reference, Ω0:

    L_paper = ΔS/S0 + ΔT/T0 + (A - A0)/A0        as the study's printed table was computed
    L       = ΔS/S0 + ΔT/T0 + (A0 - A)/A0        as it must be, and as we choose

Both are the better the lower, and 0 for Ω0 itself. The printed values (0.00, 0.21, 19.31, 19.44, -0.50) come out of the
first form alone, whose last term rewards a file for losing accuracy; `docs/examples/paper-2020.csv` shows both.

Where the quality is a mean squared error M, lower is better, so a loss is a rise: the last term is (M - M0)/M0 in
both forms. There the study's sign was right, and L_paper = L.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.errors import UsageError

__all__ = [
    "ACCURACY",
    "MSE",
    "Candidate",
    "Metric",
    "Standing",
    "baseline_of",
    "dominates",
    "pareto_front",
    "standings",
]


@dataclass(frozen=True, slots=True)
class Metric:
    """What tells how good a file is; `name` is its key and its column."""

    name: str
    higher_is_better: bool

    def lost(self, quality: float, reference: float) -> float:
        """How much worse than the reference, in the metric's own unit; below 0 where it is better."""
        return reference - quality if self.higher_is_better else quality - reference


ACCURACY = Metric("accuracy", higher_is_better=True)
MSE = Metric("mse", higher_is_better=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One file: `quality` is what the metric says (an accuracy as a share of 1), `ms` a picture, `kb` of 1000 bytes.

    Raises:
        UsageError: a number is not finite, the quality below 0, or time or size not above 0.
    """

    name: str
    quality: float
    ms: float
    kb: float

    def __post_init__(self) -> None:
        doing = f"judging {self.name!r}"
        if not all(map(math.isfinite, (self.quality, self.ms, self.kb))):
            raise UsageError(doing, f"{self.quality}, {self.ms} ms, {self.kb} kB", "every value is a finite number")
        if self.quality < 0:
            raise UsageError(doing, f"a quality of {self.quality}", "accuracy and MSE are 0 or more")
        if not (self.ms > 0 and self.kb > 0):
            raise UsageError(doing, f"{self.ms} ms and {self.kb} kB", "time and size are above 0")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a file compares with Ω0: both objectives, the lower the better."""

    name: str
    paper: float
    mended: float


def baseline_of(candidates: Sequence[Candidate], name: str | None) -> Candidate:
    """Ω0: the candidate of that name, or the first.

    Raises:
        UsageError: there is none, or its quality is 0 so that nothing can be compared with it.
    """
    doing = "looking for the baseline"
    if not candidates:
        raise UsageError(doing, "no rows at all", "at least one file, the one to compare with")
    found = next((each for each in candidates if name in (None, each.name)), None)
    if found is None:
        known = ", ".join(each.name for each in candidates)
        raise UsageError(doing, f"no row {name!r}", f"--baseline with one of: {known}")
    if found.quality == 0:
        raise UsageError(doing, f"the quality of {found.name!r} is 0: no ratio to it exists", "another --baseline")
    return found


def standings(candidates: Sequence[Candidate], baseline: Candidate, metric: Metric) -> tuple[Standing, ...]:
    """Both objectives of every candidate, in the order given.

    Raises:
        UsageError: two values lie so far apart that their ratio is no number.
    """
    return tuple(_standing(each, baseline, metric) for each in candidates)


def dominates(one: Candidate, other: Candidate, metric: Metric) -> bool:
    """Is `one` nowhere worse than `other`, and somewhere better?"""
    worse = (metric.lost(one.quality, other.quality), one.ms - other.ms, one.kb - other.kb)
    return all(value <= 0 for value in worse) and any(value < 0 for value in worse)


def pareto_front(candidates: Sequence[Candidate], metric: Metric) -> tuple[Candidate, ...]:
    """Those that no other dominates, in the order given; of equal ones all."""
    return tuple(each for each in candidates if not any(dominates(other, each, metric) for other in candidates))


def _standing(candidate: Candidate, baseline: Candidate, metric: Metric) -> Standing:
    costs = (candidate.kb - baseline.kb) / baseline.kb + (candidate.ms - baseline.ms) / baseline.ms
    lost = metric.lost(candidate.quality, baseline.quality) / baseline.quality
    paper = -lost if metric.higher_is_better else lost
    if not (math.isfinite(costs + lost) and math.isfinite(costs + paper)):
        found = f"its values and those of {baseline.name!r} lie too far apart"
        raise UsageError(f"judging {candidate.name!r}", found, "check the units: ms and kB")
    return Standing(candidate.name, costs + paper, costs + lost)
