"""Everything that decides what a training makes, as one record: equal recipe, equal data, equal model."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.errors import UsageError
from appliance.preprocess import Preprocessing
from modelworks.augment import Augmentation
from modelworks.split import SplitPlan

__all__ = ["Stage", "TrainRecipe", "Weights"]

MIN_SIDE = 32
"""MobileNet halves the picture five times: below this nothing is left."""


@dataclass(frozen=True, slots=True)
class Stage:
    """`epochs` passes over pictures of `size` x `size`. Small pictures cost little and teach much; the last stage
    should have the size that the machine will use."""

    size: int
    epochs: int

    def __post_init__(self) -> None:
        if self.size < MIN_SIDE or self.epochs < 1:
            raise ValueError(f"a stage has pictures of {MIN_SIDE} or more and an epoch or more, not {self}")


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the network starts: `name` is a file's name, "imagenet" (downloaded by Keras) or "none" (random)."""

    name: str = "imagenet"
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class TrainRecipe:
    """A training. `data` is the fingerprint of the labelled pictures, `labels` the network's outputs in order."""

    data_name: str
    data: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    stages: tuple[Stage, ...]
    weights: Weights = field(default_factory=Weights)
    split: SplitPlan = field(default_factory=SplitPlan)
    augmentation: Augmentation = field(default_factory=Augmentation)
    alpha: float = 0.5
    seed: int = 1
    batch: int = 32
    head_epochs: int = 200
    head_rate: float = 3e-3
    learning_rate: float = 5e-4
    warmup_epochs: int = 1
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a training has one stage at least")
        if not 0 < self.alpha <= 2:
            raise ValueError(f"alpha is the network's width, above 0 and at most 2, not {self.alpha}")
        if self.batch < 2:
            raise ValueError(f"batch normalization needs two pictures a batch, not {self.batch}")
        if not (self.learning_rate > 0 and 0 <= self.label_smoothing < 1):
            raise ValueError("the learning rate is above 0, and label smoothing from 0 to below 1")

    @property
    def epoch_sizes(self) -> tuple[int, ...]:
        """The pictures' side in every epoch, in order."""
        return tuple(stage.size for stage in self.stages for _ in range(stage.epochs))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` undoes it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "TrainRecipe":
        """The recipe that `as_dict` wrote, also after a trip through JSON.

        Raises:
            UsageError: it lacks a field, has an unknown one, or a value is out of range.
        """
        try:
            values = dict(raw)
            prepared = values["preprocessing"]
            values["preprocessing"] = Preprocessing(**prepared | {"size": tuple(prepared["size"])})
            values["stages"] = tuple(Stage(**stage) for stage in values["stages"])
            values["labels"] = tuple(values["labels"])
            kinds = {"weights": Weights, "split": SplitPlan, "augmentation": Augmentation}
            return cls(**values | {name: kind(**values[name]) for name, kind in kinds.items()})
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError("reading recipe.json", str(error), "train again with this version") from error
