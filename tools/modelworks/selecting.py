"""Which file of a run to ship: the lowest L among those that pass the gates. Pure: records in, a choice out.

The honest design. Whoever picks the best of nine files by their test accuracy has fitted the choice to the test
pictures, and the winner's figure flatters it. So L, the gates and the front rest on the validation pictures alone; the
test figures of the file chosen stay what they are: measured once, on pictures that chose nothing. The price is width:
a validation split of 200 pictures cannot show a loss below about 2 points, and the reason says so.

Nor do the folds of a cross-validation choose: their pictures are all pictures, the test pictures among them. What they
say of the file chosen is shown beside it.

The gate on the loss holds the upper end of its 95 % interval, not its middle: a file passes when the pictures show
that it loses no more, not when they fail to show that it loses. It is always the loss against float32, whatever Ω0 is.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from appliance.errors import UsageError
from modelworks.objective import Candidate, Metric, Standing, baseline_of, pareto_front, standings

__all__ = ["Choice", "Gates", "Loss", "Row", "choose"]


@dataclass(frozen=True, slots=True)
class Gates:
    """The most that may be lost (points; of an MSE, per cent), waited (p95 in ms) and stored (kB); None: any."""

    max_loss: float | None = None
    max_p95: float | None = None
    max_kb: float | None = None

    def __post_init__(self) -> None:
        for name, value in self.given().items():
            if not 0 <= value < float("inf"):
                option = f"--{name.replace('_', '-')}"
                raise UsageError("reading the gates", f"{option} {value:g}", "a number, 0 or more")

    def given(self) -> dict[str, float]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Loss:
    """What a file loses against float32: `points` with its 95 % interval, from `n` pictures (0: a table without)."""

    points: float
    low: float
    high: float
    n: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A file that may be chosen. `test_quality` is shown and decides nothing; None: a table's only quality."""

    candidate: Candidate
    loss: Loss
    p95_ms: float
    test_quality: float | None = None

    @property
    def name(self) -> str:
        return self.candidate.name

    def refused_by(self, gates: Gates) -> tuple[str, ...]:
        """What speaks against it, a phrase a gate; empty if it passes."""
        held = (
            (self.loss.high, gates.max_loss, "loses up to {:.2f}, more than {:g}"),
            (self.p95_ms, gates.max_p95, "p95 {:.3g} ms, more than {:g}"),
            (self.candidate.kb, gates.max_kb, "{:.4g} kB, more than {:g}"),
        )
        return tuple(said.format(value, most) for value, most, said in held if most is not None and value > most)


@dataclass(frozen=True, slots=True)
class Choice:
    """The rows as they stand, best or not; `front` and `chosen` are of those that passed the gates."""

    metric: Metric
    gates: Gates
    baseline: Row
    rows: tuple[Row, ...]
    standings: tuple[Standing, ...]
    chosen: Row
    front: tuple[str, ...]

    @property
    def refused(self) -> dict[str, tuple[str, ...]]:
        """What the gates removed, and why."""
        found = {row.name: row.refused_by(self.gates) for row in self.rows}
        return {name: reasons for name, reasons in found.items() if reasons}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        rows = [
            {
                "name": each.name,
                "L_paper": round(each.paper, 6),
                "L": round(each.mended, 6),
                "ms": {"median": row.candidate.ms, "p95": row.p95_ms},
                "refused": list(self.refused.get(each.name, ())),
            }
            for row, each in zip(self.rows, self.standings, strict=True)
        ]
        return {
            "baseline": self.baseline.name,
            "metric": self.metric.name,
            "gates": self.gates.given(),
            "rows": rows,
            "choice": self.chosen.name,
            "front": list(self.front),
        }


def choose(rows: Sequence[Row], metric: Metric, gates: Gates, baseline: str | None = None) -> Choice:
    """The row of the lowest L that passes the gates; of equal ones the smaller, then the quicker, then by name.

    Raises:
        UsageError: no baseline, or no row passes; the message says what stopped each.
    """
    candidates = [row.candidate for row in rows]
    reference = baseline_of(candidates, baseline)
    judged = standings(candidates, reference, metric)
    passed = [(row, each) for row, each in zip(rows, judged, strict=True) if not row.refused_by(gates)]
    if not passed:
        found = "; ".join(f"{row.name}: {', '.join(row.refused_by(gates))}" for row in rows)
        raise UsageError("choosing a file", f"none passes the gates ({found})", "wider gates")
    chosen = min(passed, key=_rank)[0]
    front = tuple(each.name for each in pareto_front([row.candidate for row, _ in passed], metric))
    first = next(row for row in rows if row.candidate is reference)
    return Choice(metric, gates, first, tuple(rows), judged, chosen, front)


def _rank(passed: tuple[Row, Standing]) -> tuple[float, float, float, str]:
    row, standing = passed
    return standing.mended, row.candidate.kb, row.candidate.ms, row.name
