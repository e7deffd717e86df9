"""The options of `modelworks train`, and the recipe that they spell."""

import argparse
from pathlib import Path

from appliance.errors import ModelError, UsageError
from appliance.files import sha256_of
from appliance.preprocess import Preprocessing
from modelworks.augment import Augmentation
from modelworks.dataset import Picture, fingerprint, labels_of
from modelworks.recipe import Stage, TrainRecipe, Weights
from modelworks.split import SplitPlan

__all__ = ["add_options", "add_split", "recipe_of", "split_plan", "start_of"]

DEFAULTS = TrainRecipe("", "", (), Preprocessing(), (Stage(224, 16),))


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
    parser.add_argument("--weights", default="imagenet", help="imagenet, none, or a .weights.h5 file without top")
    parser.add_argument("--alpha", type=float, default=DEFAULTS.alpha, help="the network's width")
    parser.add_argument("--size", type=int, default=224, help="the pictures' side in pixels, here and on the machine")
    parser.add_argument("--epochs", type=int, default=16, help="passes over the pictures at full size")
    parser.add_argument("--small-size", type=int, default=160, help="side of the pictures in the epochs before those")
    parser.add_argument("--small-epochs", type=int, default=0, help="how many of those: quick, before the full size")
    parser.add_argument("--seed", type=int, default=1, help="decides the split, the order and every augmentation")
    parser.add_argument("--batch", type=int, default=DEFAULTS.batch, help="pictures a step")
    parser.add_argument("--learning-rate", type=float, default=DEFAULTS.learning_rate, help="after the warm-up")
    add_split(parser)
    _add_augmentation(parser)


def recipe_of(arguments: argparse.Namespace, pictures: tuple[Picture, ...]) -> TrainRecipe:
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
            split=split_plan(arguments),
            augmentation=_augmentation(arguments),
            alpha=arguments.alpha,
            seed=arguments.seed,
            batch=arguments.batch,
            learning_rate=arguments.learning_rate,
        )
    except ValueError as error:
        raise UsageError("reading the command line", str(error), "modelworks train --help") from error


def start_of(name: str) -> Path | str | None:
    """Where the network starts, as `network.build` takes it."""
    return {"none": None, "imagenet": "imagenet"}.get(name, Path(name))


def _stages(arguments: argparse.Namespace) -> tuple[Stage, ...]:
    small = (Stage(arguments.small_size, arguments.small_epochs),) if arguments.small_epochs else ()
    return (*small, Stage(arguments.size, arguments.epochs))


def split_plan(arguments: argparse.Namespace) -> SplitPlan:
    return SplitPlan(arguments.split, arguments.block, arguments.validation, arguments.test, arguments.seed)


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


def add_split(parser: argparse.ArgumentParser) -> None:
    plan = DEFAULTS.split
    group = parser.add_argument_group("split", "three parts; every choice is made on validation, test is read once")
    group.add_argument("--split", choices=("blocks", "pictures"), default=plan.by, help="what must stay together")
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
