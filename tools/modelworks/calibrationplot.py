"""Drawing how the number of calibration pictures changes a quantized file."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["draw_sweep"]


def draw_sweep(name: str, sweep: Sequence[Mapping[str, Any]], reference: Mapping[str, Any]) -> bytes:
    """A PNG of a sweep as it stands in figures.json; `reference` is the accuracy of float32 on the same pictures."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    right, same = figure.subplots(1, 2)
    _points(right, sweep, "accuracy", "tab:orange")
    right.axhline(100 * reference["value"], color="grey", linestyle=":", label=f"float32: {reference['value']:.1%}")
    right.set_ylabel("validation accuracy, %")
    right.legend(loc="lower right", fontsize="small")
    _points(same, sweep, "agreement", "tab:blue")
    same.set_ylabel("says what float32 says, %")
    figure.suptitle(f"{name}, 95 % intervals of {reference['n']} pictures", fontsize="medium")
    drawn = BytesIO()
    figure.savefig(drawn, dpi=120, format="png", metadata={"Software": None})
    return drawn.getvalue()


def _points(axes: Axes, sweep: Sequence[Mapping[str, Any]], figure: str, colour: str) -> None:
    shares = [entry[figure] for entry in sweep]
    values = [100 * share["value"] for share in shares]
    below = [100 * (share["value"] - share["low"]) for share in shares]
    above = [100 * (share["high"] - share["value"]) for share in shares]
    counts = [entry["pictures"] for entry in sweep]
    axes.errorbar(counts, values, yerr=[below, above], marker="o", capsize=3, color=colour)
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("pictures calibrated on")
