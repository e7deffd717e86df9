"""Writing a trained run's network in quantized forms, and measuring each on pictures it has not learned from."""

import random
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from appliance.errors import ModelError, UsageError
from appliance.files import sha256_of
from modelworks import network as networks
from modelworks.batches import inputs_of
from modelworks.convert import convert
from modelworks.dataset import Picture, decode_all
from modelworks.figures import agreement, judge
from modelworks.litert import LiteModel
from modelworks.progress import Report
from modelworks.quantrecipes import RECIPES, REFERENCE, check
from modelworks.recipe import TrainRecipe
from modelworks.runfolder import RunFolder
from modelworks.split import Split

__all__ = ["check_data", "quantize", "representative_pictures", "steps"]


def steps(recipes: Sequence[str]) -> int:
    """The units of work of `quantize`: converting and measuring, for each recipe and the reference."""
    return 2 * len({REFERENCE, *recipes})


def representative_pictures(pictures: Sequence[Picture], count: int, seed: int) -> tuple[Picture, ...]:
    """About equally many of every class, drawn by seed; all of them if there are no more than `count`."""
    by_class: dict[str, list[Picture]] = {}
    for picture in sorted(pictures, key=lambda each: each.path):
        by_class.setdefault(picture.label, []).append(picture)
    for label, group in by_class.items():
        random.Random(f"{seed} {label}").shuffle(group)
    dealt = chain.from_iterable(zip_longest(*(by_class[label] for label in sorted(by_class))))
    return tuple(picture for picture in dealt if picture is not None)[:count]


def check_data(folder: Path, split: Split) -> None:
    """Refuse a folder whose files are not those of the training.

    Raises:
        UsageError: one is missing or has other bytes.
    """
    for picture in chain.from_iterable(split.parts().values()):
        path = folder / picture.path
        if not path.is_file() or sha256_of(path) != picture.sha256:
            found = f"{picture.path} is {'not the file it was' if path.is_file() else 'not there'}"
            raise UsageError(f"comparing {folder} with the training's pictures", found, "name the folder trained on")


def quantize(
    folder: Path, run: RunFolder, recipes: Sequence[str], representative: int, command: str, report: Report
) -> dict[str, Any]:
    """Write `NAME.tflite` for the reference and each recipe; returns what figures.json then holds.

    Raises:
        UsageError: a picture cannot be read.
        ModelError: the network cannot be converted, or a file is not what its recipe promises.
        StorageError: the run folder cannot be written.
    """
    recipe, split = run.recipe(), run.split()
    chosen = representative_pictures(split.train, representative, recipe.seed)
    sizes = {}
    for name, content in _converted(folder, run, recipe, chosen, [REFERENCE, *recipes]):
        sizes[name] = len(content)
        _keep(run, name, content, sizes[REFERENCE])
        report.advance(1)
        report.say(f"{name}.tflite: {len(content) / 1000:.0f} kB")
    figures = {"command": command, "representative": {"pictures": len(chosen), "seed": recipe.seed}}
    figures["recipes"] = _measured(folder, run, recipe, split, list(sizes), report)
    run.write("figures.json", figures)
    return figures


def _converted(
    folder: Path, run: RunFolder, recipe: TrainRecipe, chosen: Sequence[Picture], names: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    network = networks.build(len(recipe.labels), recipe.alpha, recipe.preprocessing.size[0])
    networks.load(network, run.best)
    inputs = inputs_of(decode_all(folder, chosen), recipe.preprocessing)
    for name in dict.fromkeys(names):
        yield name, convert(network, RECIPES[name], inputs)


def _keep(run: RunFolder, name: str, content: bytes, reference_size: int) -> None:
    """Write the file, open it again as the machine would; one that breaks its recipe's promise does not stay."""
    path = run.tflite(name)
    run.write_bytes(path.name, content)
    try:
        check(LiteModel(path), RECIPES[name], len(content), reference_size)
    except ModelError:
        path.unlink()
        raise


def _measured(
    folder: Path, run: RunFolder, recipe: TrainRecipe, split: Split, names: Sequence[str], report: Report
) -> dict[str, Any]:
    """Accuracy on validation and test for each file, and how far it agrees with the reference."""
    pictures = [*split.validation, *split.test]
    decoded, held = decode_all(folder, pictures), len(split.validation)
    truth = [recipe.labels.index(picture.label) for picture in pictures]
    scores, measured = {}, {}
    for name in names:
        scores[name] = LiteModel(run.tflite(name)).scores(decoded, recipe.preprocessing)
        measured[name] = {
            "sha256": sha256_of(run.tflite(name)),
            "bytes": run.tflite(name).stat().st_size,
            "test": judge(truth[held:], scores[name][held:], recipe.labels),
            "validation": judge(truth[:held], scores[name][:held], recipe.labels),
            "agreement_test": agreement(scores[name][held:], scores[REFERENCE][held:]),
            "agreement_validation_and_test": agreement(scores[name], scores[REFERENCE]),
        }
        report.advance(1)
    return measured
