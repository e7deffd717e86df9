"""The ways to write a network as a .tflite file, as named data, and the promise that each makes."""

from dataclasses import dataclass

from appliance.errors import ModelError
from modelworks.litert import LiteModel

__all__ = ["RECIPES", "REFERENCE", "QuantRecipe", "check"]

REFERENCE = "float32"
"""What every other recipe is compared with."""


@dataclass(frozen=True, slots=True)
class QuantRecipe:
    """`calibrated`: the ranges of the activations are measured on representative training pictures.

    `input` and `output` are the types at the file's ends, `inside` all that its other tensors may have (the indices
    of a reshape are int32), `largest_share` the size at most, as a share of the float32 file.
    """

    name: str
    calibrated: bool
    input: str
    output: str
    inside: frozenset[str]
    largest_share: float


RECIPES = {
    recipe.name: recipe
    for recipe in (
        QuantRecipe("float32", False, "float32", "float32", frozenset({"float32", "int32"}), 1.0),
        QuantRecipe("int8-io", True, "uint8", "uint8", frozenset({"uint8", "int8", "int32"}), 0.6),
    )
}


def check(model: LiteModel, recipe: QuantRecipe, size: int, reference_size: int) -> None:
    """Hold the file to the recipe's promise: a converter can fall back to float32 and say nothing.

    Raises:
        ModelError: a type is not the promised one, or the file did not shrink as promised.
    """
    doing = f"checking {model.name} against the recipe {recipe.name}"
    ends = (model.input.dtype, model.output.dtype)
    if ends != (recipe.input, recipe.output):
        promised = f"{recipe.input} in, {recipe.output} out"
        raise ModelError(doing, f"{ends[0]} in, {ends[1]} out", f"{promised} was promised: another converter version")
    strange = {name: count for name, count in model.tensor_types().items() if name not in recipe.inside}
    if strange:
        raise ModelError(doing, f"tensors of types that were not promised: {strange}", "another converter version")
    if size > recipe.largest_share * reference_size:
        found = f"{size} bytes against {reference_size} of float32"
        raise ModelError(doing, found, f"at most {recipe.largest_share:.0%} was promised: another converter version")
