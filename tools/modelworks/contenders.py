"""The rows that may be chosen, out of a run's validation.json or of a table from elsewhere. Pure."""

from collections.abc import Mapping
from typing import Any

from appliance.errors import UsageError
from modelworks.comparison_table import Table
from modelworks.objective import ACCURACY, MSE, Candidate, Metric, baseline_of
from modelworks.selecting import Loss, Row

__all__ = ["candidate_of", "metric_of", "rows_of_run", "rows_of_table"]


def metric_of(validation: Mapping[str, Any]) -> Metric:
    """What the run's files are judged by."""
    return MSE if validation.get("task") == "regression" else ACCURACY


def candidate_of(row: Mapping[str, Any], metric: Metric) -> Candidate:
    """A row of validation.json as what the objective judges: its quality is that on the validation pictures.

    Raises:
        UsageError: a value is no number that can be judged.
    """
    return Candidate(row["name"], row[f"validation_{metric.name}"]["value"], row["ms"]["median"], row["kb"])


def rows_of_run(validation: Mapping[str, Any]) -> tuple[Row, ...]:
    """The files of validation.json.

    Raises:
        UsageError: it lacks a field, or a value is no number that can be judged.
    """
    metric = metric_of(validation)
    try:
        return tuple(_row(row, metric) for row in validation["rows"])
    except (KeyError, TypeError) as error:
        raise UsageError(
            "reading validation.json", f"{error} is missing or damaged", "`modelworks validate`"
        ) from error


def rows_of_table(table: Table, baseline: str | None) -> tuple[Row, ...]:
    """The rows of a table: what is printed stands for the intervals and the p95 that it does not have.

    Raises:
        UsageError: there is no such baseline.
    """
    reference = baseline_of(table.candidates, baseline)
    return tuple(Row(each, _printed_loss(each, reference, table.metric), each.ms) for each in table.candidates)


def _row(row: Mapping[str, Any], metric: Metric) -> Row:
    loss = row["validation_paired_loss"]
    interval = Loss(loss["points"], loss["low"], loss["high"], loss["n"])
    return Row(candidate_of(row, metric), interval, row["ms"]["p95"], row[metric.name]["value"])


def _printed_loss(candidate: Candidate, reference: Candidate, metric: Metric) -> Loss:
    """Percentage points of accuracy, or per cent of the reference's MSE."""
    scale = 100.0 if metric is ACCURACY else 100.0 / reference.quality
    points = scale * metric.lost(candidate.quality, reference.quality)
    return Loss(points, points, points)
