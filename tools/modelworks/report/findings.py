"""What a run found, read from the JSON in its folder and held together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.errors import UsageError
from modelworks.recipe import TrainRecipe
from modelworks.runfolder import RunFolder

__all__ = ["Findings", "read_findings"]

REQUIRED = {
    "recipe.json": "train",
    "figures.json": "quantize",
    "validation.json": "validate",
    "selection.json": "select",
}
"""File -> the command that makes it."""


@dataclass(frozen=True, slots=True)
class Findings:
    """`raw` has the JSON files by name without suffix; history and folds only if they are there."""

    name: str
    recipe: TrainRecipe
    raw: Mapping[str, Mapping[str, Any]]

    @property
    def rows(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self.raw["validation"]["rows"])

    @property
    def chosen(self) -> Mapping[str, Any]:
        return self.row(self.raw["selection"]["choice"])

    @property
    def reference(self) -> Mapping[str, Any]:
        return self.row(self.raw["validation"].get("reference", "float32"))

    @property
    def metric(self) -> str:
        """ "accuracy" (a share, the more the better) or "mse"."""
        return "mse" if self.raw["validation"].get("task") == "regression" else "accuracy"

    def row(self, name: str) -> Mapping[str, Any]:
        return next(row for row in self.rows if row["name"] == name)

    def objectives(self, name: str) -> Mapping[str, Any]:
        """The row's L, L_paper and the gates that refused it: as `select` judged it, else as `validate` did."""
        judged: dict[str, Mapping[str, Any]] = {row["name"]: row for row in self.raw["selection"].get("rows", ())}
        return judged.get(name, self.row(name))


def read_findings(run: RunFolder) -> Findings:
    """The run's findings.

    Raises:
        UsageError: a step is not done yet, was done for other files than the step before it, or a file is damaged.
    """
    doing = f"reporting on {run.path}"
    for file, command in REQUIRED.items():
        if not run.has(file):
            raise UsageError(doing, f"there is no {file}", f"`modelworks {command}` first")
    names = [*REQUIRED, *(file for file in ("history.json", "folds.json") if run.has(file))]
    try:
        raw: dict[str, Mapping[str, Any]] = {file.removesuffix(".json"): run.read(file) for file in names}
        raw["validation"] = _as_chosen(raw["validation"], raw["selection"])
        _check(raw)
    except (KeyError, TypeError) as error:
        raise UsageError(
            doing,
            f"validation.json or selection.json is not what this version writes: {error}",
            "validate and select again",
        ) from error
    return Findings(run.path.absolute().name, run.recipe(), raw)


def _as_chosen(validation: Mapping[str, Any], selection: Mapping[str, Any]) -> Mapping[str, Any]:
    """The measurements with the times by which the choice was made, if those are another machine's."""
    source = selection.get("latencies")
    if source is None or source == validation.get("latencies"):
        return validation
    judged = {row["name"]: {key: row[key] for key in ("ms", "L", "L_paper")} for row in selection["rows"]}
    rows = [row | judged.get(row["name"], {}) for row in validation["rows"]]
    return {**validation, "latencies": source, "rows": rows}


def _check(raw: Mapping[str, Mapping[str, Any]]) -> None:
    validation, selection = raw["validation"], raw["selection"]
    reference = validation.get("reference", "float32")
    rows = {row["name"]: row for row in validation["rows"]}
    missing = {selection["choice"], reference} - set(rows)
    doing, remedy = "comparing validation.json with selection.json", "`modelworks select` again"
    if missing:
        found = f"validation.json knows {', '.join(rows)}, and not {', '.join(sorted(missing))}"
        raise UsageError(doing, found, remedy)
    if selection.get("baseline") != reference:
        return
    for judged in selection.get("rows", ()):
        if judged["name"] not in rows or judged["L"] != rows[judged["name"]].get("L", judged["L"]):
            raise UsageError(doing, f"{judged['name']} was measured anew after the choice", remedy)
