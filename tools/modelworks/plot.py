"""Drawing how a training went: loss and accuracy over the epochs."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib.figure import Figure

__all__ = ["draw_curves"]


def draw_curves(history: Mapping[str, Any]) -> bytes:
    """A PNG of `history` (as in history.json); the chosen epoch is marked."""
    epochs = history["epochs"]
    numbers = [entry["epoch"] for entry in epochs]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    losses.plot(numbers, [entry["loss"] for entry in epochs], label="training, augmented and smoothed")
    losses.plot(numbers, [entry["val_loss"] for entry in epochs], label="validation")
    losses.set(xlabel="epoch", ylabel="cross-entropy")
    losses.legend()
    accuracies.plot(numbers, [100 * entry["val_accuracy"] for entry in epochs], color="tab:orange")
    accuracies.axvline(history["best"], color="grey", linestyle=":", label=f"chosen: epoch {history['best']}")
    accuracies.set(xlabel="epoch", ylabel="validation accuracy, %")
    accuracies.legend()
    drawn = BytesIO()
    figure.savefig(drawn, dpi=120, format="png")
    return drawn.getvalue()
