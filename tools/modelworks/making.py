"""One network, one recipe, one .tflite file, and the record of all that decided its bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from appliance.records import Pixels
from modelworks.calibration import Calibration, Inputs
from modelworks.convert import convert
from modelworks.progress import Report
from modelworks.promise import check
from modelworks.qat import train_quantized
from modelworks.qatjob import QatPlan
from modelworks.quantrecipes import RECIPES, REFERENCE, QuantRecipe
from modelworks.sharing import share_vectors
from modelworks.subject import Subject
from modelworks.weightfitting import fit_weights
from modelworks.weightonly import shrink_weights

__all__ = ["Made", "Maker"]

PACKAGES = {
    "converter": ("tensorflow", "keras", "numpy"),
    "weights": ("tensorflow", "keras", "litert-quantizer", "numpy"),
    "training": ("tensorflow", "tf-keras", "tensorflow-model-optimization", "numpy"),
}
"""By a recipe's method, whose versions decide the bytes of its file."""


@dataclass(frozen=True, slots=True)
class Made:
    """A file's bytes, and what NAME.recipe.json says of them."""

    content: bytes
    record: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Maker:
    """`calibration` is the largest one wanted, `drawn` its pictures decoded; a smaller one is its beginning.

    State: the fitted copies of the network that were made so far.
    """

    subject: Subject
    calibration: Calibration
    drawn: Sequence[Pixels]
    training: QatPlan
    _fitted: dict[tuple[int, int, int], Any] = field(default_factory=dict)

    def reference(self) -> Made:
        """The float32 file.

        Raises:
            ModelError: the network cannot be converted.
        """
        recipe = RECIPES[REFERENCE]
        content = share_vectors(convert(self.subject.network, recipe))
        check(content, recipe, len(content))
        return Made(content, self._record(recipe))

    def make(self, name: str, count: int, float32: bytes, scratch: Path, report: Report) -> Made:
        """The file by a recipe, calibrated on the first `count` pictures, held to its promise.

        Raises:
            ModelError: it cannot be made, or is not what was promised.
            StorageError: `scratch` is full.
        """
        recipe, extra = RECIPES[name], {}
        if recipe.method == "training":
            content, extra["training"] = train_quantized(self.subject, self.training, scratch, report)
        elif recipe.method == "weights":
            network = self._network(recipe, count, report)
            content = shrink_weights(convert(network, RECIPES[REFERENCE]) if recipe.fitted else float32, recipe)
        else:
            network = self._network(recipe, count, report)
            content = convert(network, recipe, Inputs(self.drawn[:count], self.subject.preprocessing))
        content = share_vectors(content)
        check(content, recipe, len(float32))
        if recipe.looks:
            extra["calibration"] = self.calibration.first(count).as_dict()
        return Made(content, self._record(recipe) | extra)

    def _network(self, recipe: QuantRecipe, count: int, report: Report) -> Any:
        """The subject's network, or a copy with weights on the recipe's grid, made once for recipes that share it."""
        if not recipe.fitted:
            return self.subject.network
        grid = (recipe.levels(depthwise=False), recipe.levels(depthwise=True), count)
        if grid not in self._fitted:
            report.say(f"fitting weights of {grid[0]} and {grid[1]} levels each side of zero")
            inputs = list(Inputs(self.drawn[:count], self.subject.preprocessing))
            self._fitted[grid] = fit_weights(self.subject.network, inputs, recipe.levels, self.subject.seed)
        return self._fitted[grid]

    def _record(self, recipe: QuantRecipe) -> dict[str, Any]:
        versions = {package: version(package) for package in PACKAGES[recipe.method]}
        return {"recipe": recipe.as_dict(), "origin": dict(self.subject.origin), "versions": versions}
