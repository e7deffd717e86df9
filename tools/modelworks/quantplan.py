"""What `quantize` shall make, and what that costs. Pure: known before TensorFlow is loaded."""

from dataclasses import dataclass, field

from appliance.errors import UsageError
from modelworks.qatjob import QatPlan
from modelworks.quantrecipes import DEFAULT, RECIPES, REFERENCE

__all__ = ["SWEPT", "QuantPlan", "check_refit", "looking_units", "making_units", "work_units"]

SWEPT = "int8-io"
"""What a sweep over the calibration makes: the form that the machine runs."""
CONVERSION, CALIBRATION, FITTING = 400.0, 6.0, 20.0
"""What a conversion, a calibration picture and one to fit weights on cost; 1 is float32's look at a picture."""
SLOW = {"int16x8": 29.0, "weight4": 3.0, "weight4-fitted": 3.0}
"""How many times as long as float32 a file takes for a picture, where it is much longer."""


@dataclass(frozen=True, slots=True)
class QuantPlan:
    """What to make. `representative`, and each of `sweep`, is a number of pictures to calibrate on."""

    recipes: tuple[str, ...] = DEFAULT
    representative: int = 300
    sweep: tuple[int, ...] = ()
    training: QatPlan = field(default_factory=QatPlan)

    def __post_init__(self) -> None:
        strange = [name for name in self.recipes if name not in RECIPES]
        if strange:
            found = f"no recipe is called {', '.join(strange)}"
            raise UsageError("choosing what to make", found, f"one of {', '.join(RECIPES)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The files to make: the reference first, then in the order of the table."""
        return (REFERENCE, *(name for name in RECIPES if name in self.recipes and name != REFERENCE))

    @property
    def fitting(self) -> tuple[str, ...]:
        """The files whose weights are fitted for them; others of the same levels use the same fitted network."""
        firsts: dict[tuple[int, int], str] = {}
        for name in self.names:
            recipe = RECIPES[name]
            if recipe.fitted:
                firsts.setdefault((recipe.levels(depthwise=False), recipe.levels(depthwise=True)), name)
        return tuple(firsts.values())

    @property
    def largest(self) -> int:
        """The pictures in the largest calibration."""
        return max((self.representative, *self.sweep))

    def counts(self, learned: int) -> tuple[int, ...]:
        """The sweep's calibrations, as far as there are pictures for them."""
        return tuple(sorted({min(count, learned) for count in self.sweep}))


def check_refit(doing: str, plan: QuantPlan, *, refit: bool) -> None:
    """See that nothing is chosen by pictures that were learned from.

    Raises:
        UsageError: quantization-aware training is asked for, which chooses its epoch by the validation pictures.
    """
    if refit and "qat-int8" in plan.names:
        found = "its validation pictures were learned from (--refit), and qat-int8 chooses its epoch by them"
        raise UsageError(doing, found, "other recipes, or the run before the refit")


def work_units(plan: QuantPlan, learned: int, held: int) -> float:
    """The cost of `quantize`, in pictures that the float32 file looks at."""
    counts = plan.counts(learned)
    learning = plan.training.work_units(learned, held) if "qat-int8" in plan.names else 0.0
    return (
        sum(
            making_units(name, min(plan.representative, learned), fits=name in plan.fitting) + looking_units(name, held)
            for name in plan.names
        )
        + sum(making_units(SWEPT, count) + looking_units(SWEPT, held) for count in counts)
        + learning
    )


def making_units(name: str, count: int, *, fits: bool = False) -> float:
    """The cost of a file made with the help of `count` pictures, if its recipe looks at some; `fits`: weights too."""
    return CONVERSION + count * (CALIBRATION * RECIPES[name].calibrated + FITTING * fits)


def looking_units(name: str, held: int) -> float:
    """The cost of running a file on the held pictures."""
    return held * SLOW.get(name, 1.0)
