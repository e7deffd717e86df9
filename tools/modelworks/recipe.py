"""Everything that decides what a training makes, as one record: equal recipe, equal data, equal model."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from appliance.errors import UsageError
from appliance.preprocess import Preprocessing
from modelworks.augment import Augmentation
from modelworks.split import SplitPlan

__all__ = [
    "ARCHITECTURES",
    "JOINED",
    "OF_ANY_WIDTH",
    "POOLINGS",
    "Distillation",
    "Member",
    "Stage",
    "Teacher",
    "TrainRecipe",
    "Weights",
]

ARCHITECTURES = ("mobilenet_v1", "mobilenet_v2", "efficientnet_lite0", "efficientnet_lite2")
JOINED: Final = "joined"
"""The architecture of a network that is made of others: `TrainRecipe.members`."""
POOLINGS = ("mean", "mean-max")
OF_ANY_WIDTH = ("mobilenet_v1", "mobilenet_v2")
GONE = ("head_epochs", "head_rate")
"""What older recipes say of the first head's training: it is now fitted to its optimum."""
MOST_BITS = 16
MIN_SIDE = 32
"""MobileNet halves the picture five times: below this nothing is left."""


@dataclass(frozen=True, slots=True)
class Stage:
    """`epochs` passes over pictures of `size` x `size`. Small pictures cost little and teach much; the last stage
    should have the size that the machine will use.

    `frozen` names the last layer that does not learn: what it says of each picture is computed once and kept. ""
    teaches the whole network.
    """

    size: int
    epochs: int
    frozen: str = ""

    def __post_init__(self) -> None:
        if self.size < MIN_SIDE or self.epochs < 1:
            raise ValueError(f"a stage has pictures of {MIN_SIDE} or more and an epoch or more, not {self}")


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the network starts: `name` is a file's name, "imagenet" (published ones) or "none" (random)."""

    name: str = "imagenet"
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained run that teaches: its folder's name, and the hash of its weights."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Member:
    """A trained network that is a part of a joined one: its run folder's name, the hash of its weights, its recipe."""

    name: str
    sha256: str
    recipe: "TrainRecipe"


@dataclass(frozen=True, slots=True)
class Distillation:
    """The teachers' mean opinion is learned as well as the label: `weight` of the loss, at `temperature`.

    Source: Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, https://arxiv.org/abs/1503.02531
    """

    teachers: tuple[Teacher, ...]
    temperature: float = 2.0
    weight: float = 0.7

    def __post_init__(self) -> None:
        if not self.teachers:
            raise ValueError("a distillation has one teacher at least")
        if not (self.temperature > 0 and 0 < self.weight <= 1):
            raise ValueError(f"teachers have a temperature above 0 and a weight above 0 and up to 1, not {self}")


@dataclass(frozen=True, slots=True)
class TrainRecipe:
    """A training. `data` is the fingerprint of the labelled pictures, `labels` the network's outputs in order.

    `until` names the last layer of the backbone that is used ("": all are); what is behind it is left out. An
    architecture that has no width of its own is as it was published: alpha 1. `levels`: the head sees this layer too,
    and its like in every later block ("": the last layer alone); `pooling`: by their mean over the picture, or by
    mean and largest value. `head_decay`: how strongly the first head, fitted to frozen features, is kept simple.

    `stages`: none trains the head alone, to its optimum on the frozen features of all views.
    `views`: how many augmented forms of a picture there are (0: another one every epoch). `mixup`: pairs of pictures
    are blended, by a share drawn from Beta(mixup, mixup). `average`: the weights kept are a running mean with this
    momentum. `keep_statistics`: batch normalization goes on with the statistics that the starting weights bring.
    `patience`: epochs without a lower validation loss before the training ends (0: none ends it). `last_epoch`: the
    last epoch is kept, not the one with the lowest validation loss. `refit`: the validation pictures are learned from
    too; then they say nothing of how good the network is, and nothing can be chosen by them.
    `activation_bits`: activations have so many bits while the network learns (0: as they are), so that it learns
    nothing that the rounding to int8 would spoil. `members`: the networks that a joined one is made of; it has no
    stages, for nothing is learned. `mirrored`: it looks at the picture and at its mirror image, and takes the mean.
    `temperature`: the temperature that its logits are divided by (0: the one that fits the validation pictures best).
    """

    data_name: str
    data: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    stages: tuple[Stage, ...]
    weights: Weights = field(default_factory=Weights)
    split: SplitPlan = field(default_factory=SplitPlan)
    augmentation: Augmentation = field(default_factory=Augmentation)
    architecture: Literal["mobilenet_v1", "mobilenet_v2", "efficientnet_lite0", "efficientnet_lite2", "joined"] = (
        "mobilenet_v1"
    )
    alpha: float = 0.5
    until: str = ""
    levels: str = ""
    pooling: Literal["mean", "mean-max"] = "mean"
    seed: int = 1
    batch: int = 32
    head_decay: float = 6e-3
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 5e-4
    warmup_epochs: int = 1
    cycles: int = 1
    label_smoothing: float = 0.1
    mixup: float = 0.0
    average: float = 0.0
    views: int = 0
    keep_statistics: bool = False
    class_weights: bool = False
    patience: int = 0
    last_epoch: bool = False
    refit: bool = False
    activation_bits: int = 0
    distillation: Distillation | None = None
    members: tuple[Member, ...] = ()
    mirrored: bool = False
    temperature: float = 0.0

    def __post_init__(self) -> None:
        if self.architecture not in (*ARCHITECTURES, JOINED):
            raise ValueError(f"an architecture is one of {', '.join(ARCHITECTURES)}, not {self.architecture!r}")
        if (self.architecture == JOINED) != (len(self.members) + self.mirrored > 1):
            raise ValueError(f"a joined network has two members, or one and its mirror image, not {len(self.members)}")
        if self.mirrored and not self.members:
            raise ValueError("a network that looks at mirror images too is joined of one that was trained, or more")
        if self.stages and self.members:
            raise ValueError("a joined network learns nothing, so it has no stages")
        if self.distillation and not self.stages:
            raise ValueError("teachers teach in epochs, and there are none")
        if not 0 < self.alpha <= 2:
            raise ValueError(f"alpha is the network's width, above 0 and at most 2, not {self.alpha}")
        if self.architecture not in OF_ANY_WIDTH and self.alpha != 1:
            raise ValueError(f"{self.architecture} has one width, alpha 1, not {self.alpha}")
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling is one of {', '.join(POOLINGS)}, not {self.pooling!r}")
        if self.head_decay <= 0:
            raise ValueError(f"a head's decay is above 0, not {self.head_decay}")
        if self.seed < 0:
            raise ValueError(f"a seed is 0 or more, not {self.seed}")
        if self.batch < 2:
            raise ValueError(f"batch normalization needs two pictures a batch, not {self.batch}")
        if not (self.learning_rate > 0 and 0 <= self.label_smoothing < 1):
            raise ValueError("the learning rate is above 0, and label smoothing from 0 to below 1")
        if self.views < 0 or self.cycles < 1 or self.patience < 0 or self.mixup < 0:
            raise ValueError("views, patience and mixup are 0 or more, cycles 1 or more")
        if self.last_epoch and self.patience:
            raise ValueError("patience waits for a better epoch, and the last one is to be kept")
        if self.refit and self.stages and not self.last_epoch:
            raise ValueError(
                "a refit knows the validation pictures, so they choose no epoch: --last-epoch keeps the last"
            )
        if self.temperature < 0 or (self.temperature and not self.members):
            raise ValueError(f"the temperature of a joined network is above 0, not {self.temperature}")
        if self.refit and self.members and not self.temperature:
            raise ValueError("the validation pictures were learned from, so they fit no temperature")
        if self.activation_bits and not 2 <= self.activation_bits <= MOST_BITS:
            raise ValueError(f"activations are rounded to 2 to {MOST_BITS} bits, not to {self.activation_bits}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average is a momentum, 0 or more and below 1, not {self.average}")
        if not self.views and (self.distillation or any(stage.frozen for stage in self.stages)):
            raise ValueError("frozen layers and teachers speak once, of a fixed number of views: 1 or more")

    @property
    def epoch_stages(self) -> tuple[Stage, ...]:
        """The stage of every epoch, in order."""
        return tuple(stage for stage in self.stages for _ in range(stage.epochs))

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
            if values.get("teacher") is None:
                values.pop("teacher", None)  # what it was called while there could be but one
            for gone in GONE:
                values.pop(gone, None)
            prepared = values["preprocessing"]
            values["preprocessing"] = Preprocessing(**prepared | {"size": tuple(prepared["size"])})
            values["stages"] = tuple(Stage(**stage) for stage in values["stages"])
            values["labels"] = tuple(values["labels"])
            values["members"] = tuple(
                Member(**dict(member) | {"recipe": cls.from_dict(member["recipe"])})
                for member in values.get("members", ())
            )
            if values.get("distillation") is not None:
                values["distillation"] = _distillation(values["distillation"])
            kinds = {"weights": Weights, "split": SplitPlan, "augmentation": Augmentation}
            return cls(**values | {name: kind(**values[name]) for name, kind in kinds.items()})
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError("reading recipe.json", str(error), "train again with this version") from error


def _distillation(raw: Mapping[str, Any]) -> Distillation:
    teachers = tuple(Teacher(**teacher) for teacher in raw["teachers"])
    return Distillation(**dict(raw) | {"teachers": teachers})
