"""The options of `modelworks train`, and the recipe that they spell."""

import argparse
import os
from pathlib import Path

from appliance.errors import ModelError, UsageError
from appliance.files import sha256_of
from appliance.preprocess import Preprocessing
from modelworks.augment import Augmentation
from modelworks.dataset import Listing, Picture, fingerprint, labels_of
from modelworks.grouping import NO_GROUPS, Groups, read_groups
from modelworks.recipe import ARCHITECTURES, OF_ANY_WIDTH, POOLINGS, Distillation, Stage, TrainRecipe, Weights
from modelworks.runfolder import TRAINED, RunFolder
from modelworks.split import SplitPlan

__all__ = ["add_options", "add_split", "groups_of", "recipe_of", "split_plan", "start_of", "teachers_of"]

DEFAULTS = TrainRecipe("", "", (), Preprocessing(), (Stage(224, 16),))
PLAIN_OPTIONS = (
    "pooling",
    "seed",
    "head_decay",
    "batch",
    "optimizer",
    "learning_rate",
    "cycles",
    "label_smoothing",
    "mixup",
    "average",
    "views",
    "keep_statistics",
    "class_weights",
    "patience",
    "last_epoch",
    "refit",
    "activation_bits",
)
"""What goes into the recipe as it is, under the same name."""
DEFAULT_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelworks"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="one sub-folder of pictures a class")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="RUN",
        help="the run folder to make",
        default=argparse.SUPPRESS,
    )
    parser.add_argument("--network", choices=ARCHITECTURES, default=DEFAULTS.architecture, help="the architecture")
    parser.add_argument(
        "--alpha",
        type=float,
        default=argparse.SUPPRESS,
        help="a MobileNet's width; 0.5 if not given, others have one width",
    )
    parser.add_argument(
        "--until",
        default=argparse.SUPPRESS,
        metavar="LAYER",
        help="leave out what is behind this layer: the first layers hold most of what ImageNet taught",
    )
    parser.add_argument(
        "--levels",
        default=argparse.SUPPRESS,
        metavar="LAYER",
        help="let the head see this layer too, and its like in every later block (conv_pw_3_relu, conv_pw_4_relu ...): "
        "ImageNet's last layers have forgotten textures that tell materials apart",
    )
    parser.add_argument(
        "--pooling", choices=POOLINGS, default=DEFAULTS.pooling, help="how the head sees a layer: mean, or largest too"
    )
    parser.add_argument(
        "--weights",
        default="imagenet",
        help="imagenet, none, a .weights.h5 file without top, or the published .pth file of an EfficientNet-Lite",
    )
    parser.add_argument("--size", type=int, default=224, help="the pictures' side in pixels, here and on the machine")
    parser.add_argument("--seed", type=int, default=1, help="decides the split, the order and every augmentation")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where features are kept; may be deleted")
    _add_stages(parser)
    _add_learning(parser)
    _add_teacher(parser)
    add_split(parser)
    parser.add_argument(
        "--fold",
        type=_fold,
        default=argparse.SUPPRESS,
        metavar="K/N",
        help="split as fold K of a cross-validation in N; `validate RUN --folds N` then need not train it again",
    )
    _add_augmentation(parser)


def recipe_of(arguments: argparse.Namespace, pictures: tuple[Picture, ...], groups: Groups = NO_GROUPS) -> TrainRecipe:
    """The record of what was asked for.

    Raises:
        UsageError: a value is out of range.
        ModelError: the weights file is not there.
    """
    weights = _weights(arguments.weights)
    try:
        return TrainRecipe(
            data_name=arguments.folder.absolute().name,
            data=fingerprint(pictures),
            labels=labels_of(pictures),
            preprocessing=Preprocessing(size=(arguments.size, arguments.size)),
            stages=_stages(arguments),
            weights=weights,
            split=split_plan(arguments, groups),
            augmentation=_augmentation(arguments),
            architecture=arguments.network,
            distillation=_distillation(arguments),
            alpha=_alpha(arguments),
            until=getattr(arguments, "until", DEFAULTS.until),
            levels=getattr(arguments, "levels", DEFAULTS.levels),
            **{name: getattr(arguments, name) for name in PLAIN_OPTIONS},
        )
    except ValueError as error:
        raise UsageError("reading the command line", str(error), "modelworks train --help") from error


def start_of(name: str) -> Path | str | None:
    """Where the network starts, as `network.build` takes it."""
    return {"none": None, "imagenet": "imagenet"}.get(name, Path(name))


def _alpha(arguments: argparse.Namespace) -> float:
    usual = DEFAULTS.alpha if arguments.network in OF_ANY_WIDTH else 1.0
    return float(getattr(arguments, "alpha", usual))


def _stages(arguments: argparse.Namespace) -> tuple[Stage, ...]:
    """The stages that were asked for; --epochs 0 leaves the last one out. Without any the head alone is trained."""
    small = (Stage(arguments.small_size, arguments.small_epochs),) if arguments.small_epochs else ()
    frozen = (Stage(arguments.size, arguments.frozen_epochs, arguments.frozen),) if arguments.frozen_epochs else ()
    whole = (Stage(arguments.size, arguments.epochs),) if arguments.epochs else ()
    return (*small, *frozen, *whole)


def _distillation(arguments: argparse.Namespace) -> Distillation | None:
    runs = teachers_of(arguments)
    for run in runs:
        run.read(TRAINED)
    teachers = tuple(run.as_teacher() for run in runs)
    return Distillation(teachers, arguments.temperature, arguments.teacher_weight) if teachers else None


def teachers_of(arguments: argparse.Namespace) -> tuple[RunFolder, ...]:
    return tuple(map(RunFolder, getattr(arguments, "teacher", ())))


def split_plan(arguments: argparse.Namespace, groups: Groups) -> SplitPlan:
    """The split that was asked for; `groups`: what `groups_of` read.

    Raises:
        ValueError: a value is out of range.
    """
    fold, folds = getattr(arguments, "fold", (0, 0))
    shares = arguments.validation, arguments.test
    return SplitPlan(arguments.split, arguments.block, *shares, arguments.seed, fold, folds, groups.digest)


def groups_of(arguments: argparse.Namespace, listing: Listing) -> Groups:
    """What --groups says shows one object.

    Raises:
        UsageError: the file is no such table, or does not fit the pictures.
    """
    path = getattr(arguments, "groups", None)
    return read_groups(path, listing) if path else NO_GROUPS


def _fold(text: str) -> tuple[int, int]:
    """ "2/5" -> (2, 5)."""
    number, _, count = text.partition("/")
    return int(number), int(count)


def _augmentation(arguments: argparse.Namespace) -> Augmentation:
    return Augmentation(
        arguments.rotation,
        not arguments.no_flip,
        arguments.shift,
        arguments.scale,
        arguments.brightness,
        arguments.contrast,
        arguments.saturation,
        arguments.cast,
    )


def _weights(name: str) -> Weights:
    start = start_of(name)
    if not isinstance(start, Path):
        return Weights(name)
    try:
        return Weights(start.name, sha256_of(start))
    except OSError as error:
        remedy = "check the path; --weights imagenet lets Keras download them"
        raise ModelError(f"reading the weights {start}", error.strerror or str(error), remedy) from error


def _add_stages(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("stages", "in this order; every picture once an epoch")
    group.add_argument("--small-epochs", type=int, default=0, help="epochs on small pictures: quick, teaches much")
    group.add_argument("--small-size", type=int, default=160, help="side of those pictures in pixels")
    group.add_argument(
        "--frozen-epochs", type=int, default=0, help="epochs in which the first layers keep what they know"
    )
    group.add_argument("--frozen", default="conv_pw_5_relu", metavar="LAYER", help="the last of those layers")
    group.add_argument(
        "--epochs", type=int, default=16, help="epochs of the whole network; 0 in all stages: the head alone"
    )


def _add_learning(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("learning", "how a step is taken")
    group.add_argument("--optimizer", choices=("adam", "sgd"), default=DEFAULTS.optimizer, help="sgd: with momentum")
    group.add_argument("--learning-rate", type=float, default=DEFAULTS.learning_rate, help="after the warm-up")
    group.add_argument("--cycles", type=int, default=DEFAULTS.cycles, help="cosines of the learning rate, each lower")
    group.add_argument("--batch", type=int, default=DEFAULTS.batch, help="pictures a step")
    group.add_argument(
        "--label-smoothing", type=float, default=DEFAULTS.label_smoothing, help="share given to all classes"
    )
    group.add_argument("--mixup", type=float, default=DEFAULTS.mixup, help="blend pairs of pictures; 0.2 is usual")
    group.add_argument(
        "--average", type=float, default=DEFAULTS.average, help="momentum of a mean of the weights; 0.998 is usual"
    )
    group.add_argument(
        "--keep-statistics", action="store_true", help="batch normalization as the starting weights have it"
    )
    group.add_argument(
        "--activation-bits",
        type=int,
        default=DEFAULTS.activation_bits,
        help="learn with activations rounded, so that int8 costs less; 7 or 8, 0: as they are",
    )
    group.add_argument(
        "--head-decay",
        type=float,
        default=DEFAULTS.head_decay,
        help="weight decay of the first head, on frozen features",
    )
    group.add_argument("--class-weights", action="store_true", help="rare classes count as much as common ones")
    group.add_argument(
        "--views", type=int, default=DEFAULTS.views, help="augmented forms of a picture; 0: always new ones"
    )
    group.add_argument(
        "--patience", type=int, default=DEFAULTS.patience, help="end after so many epochs without a better one"
    )
    group.add_argument(
        "--last-epoch", action="store_true", help="keep the last epoch, not the one with the lowest validation loss"
    )
    group.add_argument(
        "--refit",
        action="store_true",
        help="learn from the validation pictures too, once all is chosen: with --last-epoch, or for the head alone",
    )


def _add_teacher(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("distillation", "learn from larger networks' opinions as well (needs --views)")
    group.add_argument(
        "--teacher",
        type=Path,
        action="append",
        default=argparse.SUPPRESS,
        metavar="RUN",
        help="a finished run with the same split; several teach what they say on average",
    )
    group.add_argument("--temperature", type=float, default=2.0, help="how soft the opinions are made")
    group.add_argument("--teacher-weight", type=float, default=0.7, help="their share of the loss")


def add_split(parser: argparse.ArgumentParser) -> None:
    plan = DEFAULTS.split
    group = parser.add_argument_group("split", "three parts; every choice is made on validation, test is read once")
    group.add_argument("--split", choices=("blocks", "pictures"), default=plan.by, help="what must stay together")
    group.add_argument(
        "--groups",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FILE.csv",
        help="columns picture (path below DIR),group: pictures of one object, which must stay together too",
    )
    group.add_argument("--block", type=int, default=plan.block, help="consecutive file numbers in a block")
    group.add_argument("--validation", type=float, default=plan.validation, help="share that chooses the epoch")
    group.add_argument("--test", type=float, default=plan.test, help="share that tests")


def _add_augmentation(parser: argparse.ArgumentParser) -> None:
    plan = DEFAULTS.augmentation
    group = parser.add_argument_group("augmentation", "the largest change of each kind")
    group.add_argument("--rotation", type=float, default=plan.rotation_deg, help="degrees either way")
    group.add_argument("--no-flip", action="store_true", help="mirror no picture")
    group.add_argument("--shift", type=float, default=plan.shift, help="share of the side")
    group.add_argument("--scale", type=float, default=plan.scale, help="nearer or farther by this share")
    group.add_argument("--brightness", type=float, default=plan.brightness, help="share")
    group.add_argument("--contrast", type=float, default=plan.contrast, help="share")
    group.add_argument("--saturation", type=float, default=plan.saturation, help="share")
    group.add_argument("--cast", type=float, default=plan.cast, help="share, each colour channel on its own")
