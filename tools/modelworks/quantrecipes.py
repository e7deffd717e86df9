"""The ways to write a network as a .tflite file, as named data."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["DEFAULT", "RECIPES", "REFERENCE", "QuantRecipe"]

REFERENCE = "float32"
"""What every other recipe is compared with."""


@dataclass(frozen=True, slots=True)
class QuantRecipe:
    """How a file is made, and so what it promises; `promise.check` holds the file to it.

    `says`: one sentence for people.
    `method`: "converter" is TensorFlow's, "weights" LiteRT's quantizer on the float32 file, "training" goes on
    training with the rounding in the loop.
    `weights` and `activations`: their bits; 32 is float32, 16 is float16 for weights and int16 for activations.
    `rest`: bits that up to a tenth of the weights may have, where the method leaves some out. 0: none may.
    `ends`: the type of the file's input and output.
    `per_channel`: one scale for each output channel of a weight tensor, or one for the whole tensor.
    `fitted`: weights are rounded so that each layer's outputs on representative pictures change least, and not
    each to its nearest level.
    `largest_share`: the file's size at most, as a share of the float32 file.
    """

    name: str
    says: str
    weights: Literal[32, 16, 8, 4]
    activations: Literal[32, 16, 8]
    largest_share: float
    method: Literal["converter", "weights", "training"] = "converter"
    rest: Literal[0, 8, 32] = 0
    ends: Literal["float32", "uint8"] = "float32"
    per_channel: bool = True
    fitted: bool = False

    @property
    def calibrated(self) -> bool:
        """Are the activations' ranges measured on representative training pictures?"""
        return self.activations < 32 and self.method != "training"

    @property
    def looks(self) -> bool:
        """Do representative training pictures decide anything of it?"""
        return self.calibrated or self.fitted

    def levels(self, *, depthwise: bool) -> int:
        """The levels that a weight can have on each side of zero; the file's own are symmetric too."""
        bits = self.rest if depthwise and self.rest else self.weights
        return int(2 ** (bits - 1) - 1)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


_ALL = (
    QuantRecipe("float32", "as trained", 32, 32, 1.0),
    QuantRecipe("dynamic", "int8 weights; activations become int8 while it runs, layer by layer", 8, 32, 0.4, rest=32),
    QuantRecipe("int8", "int8 throughout, calibrated; float32 in and out", 8, 8, 0.5),
    QuantRecipe(
        "int8-io", "as int8, but uint8 in and out: the camera's bytes go in as they are", 8, 8, 0.5, ends="uint8"
    ),
    QuantRecipe(
        "int8-io-fitted",
        "as int8-io, weights rounded to fit the layers' outputs",
        8,
        8,
        0.5,
        ends="uint8",
        fitted=True,
    ),
    QuantRecipe("int8-per-tensor", "as int8 with one scale a weight tensor", 8, 8, 0.4, per_channel=False),
    QuantRecipe(
        "int8-io-per-tensor", "as int8-io with one scale a weight tensor", 8, 8, 0.4, ends="uint8", per_channel=False
    ),
    QuantRecipe("float16", "float16 weights, computed in float32: half the file, the same answers", 16, 32, 0.6),
    QuantRecipe("int16x8", "int8 weights, int16 activations, calibrated; no fast kernels: slow", 8, 16, 0.5),
    QuantRecipe("weight8", "int8 weights, computed in float32", 8, 32, 0.4, method="weights"),
    QuantRecipe(
        "weight8-fitted",
        "as weight8, weights rounded to fit the layers' outputs",
        8,
        32,
        0.4,
        method="weights",
        fitted=True,
    ),
    QuantRecipe(
        "weight4", "int4 weights (depthwise ones int8), computed in float32", 4, 32, 0.3, method="weights", rest=8
    ),
    QuantRecipe(
        "weight4-fitted",
        "as weight4, weights rounded to fit the layers' outputs",
        4,
        32,
        0.3,
        method="weights",
        rest=8,
        fitted=True,
    ),
    QuantRecipe(
        "qat-int8",
        "as int8-io, but trained on with the rounding in the loop: hours",
        8,
        8,
        0.5,
        "training",
        ends="uint8",
    ),
)

RECIPES = {recipe.name: recipe for recipe in _ALL}
DEFAULT = tuple(recipe.name for recipe in _ALL if recipe.method != "training")
"""What `quantize` makes unless told: all that take minutes."""
