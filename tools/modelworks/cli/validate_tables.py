"""What `modelworks validate` shows on a terminal: how good every file is, and what it costs."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from modelworks.cli.tables import file_table, two_decimals
from modelworks.explaining import amount
from modelworks.latencies import other_machine

__all__ = ["tables"]


def tables(validation: Mapping[str, Any]) -> tuple[Table, Table]:
    """Two tables, narrow enough for 80 columns."""
    good = _classified(validation) if validation["task"] == "classification" else _estimated(validation)
    return good, _costs(validation)


def _title(validation: Mapping[str, Any]) -> str:
    counts = validation["pictures"]
    return f"How good: {counts['test']} test, {counts['validation']} validation, {counts['train']} training pictures"


def _classified(validation: Mapping[str, Any]) -> Table:
    caption = "lost: points of test accuracy against float32, picture by picture; at most: the end of its 95 % interval"
    columns = ("test %", "95 %", "lost", "at most", "agrees", "valid.", "train", "ECE")
    table = file_table(_title(validation), caption, *columns)
    for row in validation["rows"]:
        test, loss = row["accuracy"], row["paired_loss"]
        table.add_row(
            row["name"],
            _percent(test["value"]),
            f"{_percent(test['low'])}-{_percent(test['high'])}",
            *(f"{loss[key]:.2f}" for key in ("points", "high")),
            *(_percent(row[key]["value"]) for key in ("agreement", "validation_accuracy", "train_accuracy")),
            f"{row['calibration_error']:.3f}",
        )
    return table


def _estimated(validation: Mapping[str, Any]) -> Table:
    caption = "lost: per cent by which the test MSE rose against float32; at most: the end of its 95 % interval"
    columns = ("test MSE", "95 %", "lost %", "at most", "valid.", "train")
    table = file_table(_title(validation), caption, *columns)
    for row in validation["rows"]:
        test, loss = row["mse"], row["paired_loss"]
        table.add_row(
            row["name"],
            f"{test['value']:.3g}",
            f"{test['low']:.3g}-{test['high']:.3g}",
            *(f"{loss[key]:.1f}" for key in ("points", "high")),
            *(f"{row[key]['value']:.3g}" for key in ("validation_mse", "train_mse")),
        )
    return table


def _costs(validation: Mapping[str, Any]) -> Table:
    machine, first = other_machine(validation["latencies"]["source"]), validation["rows"][0]
    caption = "ms (n): a picture here on n threads, median; ref.: reference kernels; MB: a process's peak memory"
    if machine:
        caption += f"; target: what L takes, the ms of {machine}"
    settings = [f"ms ({each['threads']})" for each in first["timings"][:-1]]
    target = ("target",) if machine else ()
    table = file_table("What it costs", caption, "kB", "zip", *settings, "ref.", *target, "MB", "L_paper", "L")
    for row in validation["rows"]:
        table.add_row(
            row["name"],
            *(amount(row[key]) for key in ("kb", "compressed_kb")),
            *(amount(each["median"]) for each in row["timings"]),
            *((amount(row["ms"]["median"]),) if machine else ()),
            f"{row['peak_memory_kb'] / 1000:.0f}",
            *(two_decimals(row[key]) for key in ("L_paper", "L")),
        )
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
