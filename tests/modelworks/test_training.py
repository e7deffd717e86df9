"""A training keeps its promises whatever its recipe: repeatable, resumable, announced as long as it is."""

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

from appliance.errors import ModelError, StorageError, UsageError
from appliance.files import sha256_of
from appliance.preprocess import Preprocessing
from modelworks import lessons, training
from modelworks.backend import make_repeatable
from modelworks.cli import main
from modelworks.dataset import fingerprint, list_pictures
from modelworks.featurecache import Views
from modelworks.learning import compile_for
from modelworks.network import build
from modelworks.networkparts import digest_of, outputs_of, part_of
from modelworks.progress import Report
from modelworks.recipe import Distillation, Stage, Teacher, TrainRecipe, Weights
from modelworks.runfolder import TRAINED, RunFolder
from modelworks.sources import Pictures
from modelworks.split import SplitPlan, split_pictures
from modelworks.weightsfile import load, save

pytestmark = pytest.mark.workstation

SILENT = Report(lambda units: None, lambda text: None)
FROZEN = "conv_pw_1_relu"
LAST = "conv_pw_6_relu"
"""Half the layers, for half the time: nothing here depends on the others."""
PLAIN: dict[str, Any] = {}
RICH: dict[str, Any] = {
    "stages": (Stage(32, 1, FROZEN), Stage(32, 1)),
    "views": 2,
    "average": 0.9,
    "mixup": 0.2,
    "cycles": 2,
    "class_weights": True,
    "keep_statistics": True,
    "optimizer": "sgd",
}


def make_job(pictures: Path, folder: Path, *taught_by: RunFolder, **changes: Any) -> training.Job:
    """A training of two small epochs that has not begun."""
    listing = list_pictures(pictures).pictures
    recipe = TrainRecipe(
        "colours",
        fingerprint(listing),
        ("blue", "green", "red"),
        Preprocessing(size=(32, 32)),
        (Stage(32, 2),),
        Weights("none"),
        SplitPlan("pictures"),
        alpha=0.25,
        until=LAST,
        batch=9,
    )
    if taught_by:
        changes["distillation"] = Distillation(tuple(each.as_teacher() for each in taught_by))
    recipe = replace(recipe, **changes)
    split, run = split_pictures(listing, recipe.split), RunFolder(folder / "run")
    run.begin(pictures, recipe, split, {}, "modelworks train")
    return training.Job(pictures, split, recipe, run, None, folder / "cache", taught_by)


@pytest.fixture(scope="module")
def finished(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A training to its end by a plain recipe."""
    job = make_job(pictures, tmp_path_factory.mktemp("plain"))
    training.train(job, SILENT)
    return job.run


@pytest.mark.parametrize("changes", [PLAIN, RICH], ids=["plain", "rich"])
def test_an_interrupted_training_goes_on_to_the_same_weights(
    changes: dict[str, Any], pictures: Path, tmp_path: Path
) -> None:
    """So the same seed gives the same weights, and a power cut costs one epoch."""

    def say(text: str) -> None:
        if text.startswith("epoch 1/"):
            raise KeyboardInterrupt

    whole, broken = (make_job(pictures, tmp_path / name, **changes) for name in ("whole", "broken"))
    units: list[float] = []
    training.train(whole, Report(units.append, lambda text: None))
    assert sum(units) == pytest.approx(training.work_units(whole))
    with pytest.raises(KeyboardInterrupt):
        training.train(broken, Report(lambda units: None, say))
    assert len(broken.run.read("history.json")["epochs"]) == 1
    again: list[float] = []
    skipped: list[float] = []
    training.train(broken, Report(again.append, lambda text: None, skipped.append))
    assert sum(again) + sum(skipped) == pytest.approx(training.work_units(broken))
    assert sum(skipped) > 0
    for one, two in zip(weights_of(whole), weights_of(broken), strict=True):
        np.testing.assert_array_equal(one, two)
    assert broken.run.read(TRAINED) == whole.run.read(TRAINED)


def test_a_disk_that_fills_in_mid_training_costs_no_epoch(pictures: Path, tmp_path: Path, small_disk: Path) -> None:
    whole, filled = make_job(pictures, tmp_path / "whole"), make_job(pictures, small_disk)
    training.train(whole, SILENT)

    def fill(text: str) -> None:
        if text.startswith("epoch 1/"):
            with suppress(OSError), (small_disk / "something else").open("wb", buffering=0) as other:
                while other.write(bytes(10_000)):
                    pass

    with pytest.raises(StorageError, match=r"No space left on device.*it goes on where it stopped"):
        training.train(filled, Report(lambda units: None, fill))
    assert len(filled.run.read("history.json")["epochs"]) == 1
    (small_disk / "something else").unlink()
    training.train(filled, SILENT)
    for one, two in zip(weights_of(whole), weights_of(filled), strict=True):
        np.testing.assert_array_equal(one, two)
    assert filled.run.read(TRAINED) == whole.run.read(TRAINED)


def weights_of(job: training.Job) -> list[Any]:
    built = build(job.recipe)
    load(built, job.run.checkpoint(2))
    return list(built.get_weights())


def test_frozen_layers_stay_as_they_are_and_the_others_learn(pictures: Path, tmp_path: Path) -> None:
    job = make_job(pictures, tmp_path, stages=(Stage(32, 2, FROZEN),), views=2)
    make_repeatable(job.recipe.seed)
    before = build(job.recipe)
    start = {layer.name: layer.get_weights() for layer in before.layers if layer.weights}
    training.train(job, SILENT)
    load(before, job.run.checkpoint(2))
    changed = {name for name, old in start.items() if not _equal(old, before.get_layer(name).get_weights())}
    assert changed
    assert not changed & {"conv1", "conv1_bn", "conv_dw_1", "conv_dw_1_bn", "conv_pw_1", "conv_pw_1_bn"}
    assert {"conv_dw_2", "conv_pw_6", "conv_pw_6_bn", "head"} <= changed


@pytest.mark.parametrize("kept", [False, True])
def test_activations_are_rounded_in_training_and_only_there(kept: bool, pictures: Path, tmp_path: Path) -> None:
    """Also where batch normalization goes on as it is on the machine."""
    rounded = make_job(pictures, tmp_path, activation_bits=2, keep_statistics=kept, levels=FROZEN).recipe
    inputs = np.random.default_rng(1).uniform(-1, 1, (9, 32, 32, 3)).astype(np.float32)
    networks = [build(recipe) for recipe in (rounded, replace(rounded, activation_bits=0))]
    networks[1].set_weights(networks[0].get_weights())
    said = []
    for built in networks:
        part = compile_for(built, rounded)
        said.append([np.asarray(part(inputs, training=training)) for training in (False, True, False)])
    (before, learning, after), (plain, other, _) = said
    np.testing.assert_allclose(before, plain, atol=1e-5)
    if kept:
        np.testing.assert_array_equal(before, after)
    assert not np.allclose(learning, other, atol=1e-3)


def test_without_an_epoch_the_head_alone_is_trained(pictures: Path, tmp_path: Path) -> None:
    """On every view: the rest stays as the starting weights have it."""
    job = make_job(pictures, tmp_path, stages=(), views=2, levels="conv_pw_2_relu", pooling="mean-max")
    make_repeatable(job.recipe.seed)
    before = build(job.recipe)
    start = {layer.name: layer.get_weights() for layer in before.layers if layer.weights}
    units: list[float] = []
    figures = training.train(job, Report(units.append, lambda text: None))
    assert sum(units) == pytest.approx(training.work_units(job))
    assert figures["accuracy"]["value"] == 1.0  # three colours
    load(before, job.run.best)
    changed = {name for name, old in start.items() if not _equal(old, before.get_layer(name).get_weights())}
    assert changed == {"head"}


def test_the_head_sees_every_level_behind_the_frozen_layer(pictures: Path, tmp_path: Path) -> None:
    levels = {"levels": FROZEN, "pooling": "mean-max"}
    job = make_job(pictures, tmp_path, stages=(Stage(32, 1, FROZEN),), views=1, **levels)
    training.train(job, SILENT)
    built = build(job.recipe)
    seen = {layer.name for layer in built.layers if layer.name.startswith("pool")}
    assert seen == {"pool", *(f"pool{kind}_conv_pw_{block}_relu" for kind in (1, 2) for block in range(1, 7))}
    with pytest.raises(UsageError, match="more than conv_pw_2_relu alone decides what comes after it"):
        training.train(
            make_job(pictures, tmp_path / "b", stages=(Stage(32, 1, "conv_pw_2_relu"),), views=1, **levels), SILENT
        )


def test_a_head_of_one_layer_is_the_one_that_it_was(pictures: Path, tmp_path: Path) -> None:
    """Its `levels` start at the very last layer, so there is nothing beside it."""
    job = make_job(pictures, tmp_path)
    plain, same = (build(replace(job.recipe, levels=levels)) for levels in ("", LAST))
    assert [layer.name for layer in plain.layers[1:]] == [layer.name for layer in same.layers[1:]]


def _equal(one: list[Any], two: list[Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_kept_statistics_are_kept(pictures: Path, tmp_path: Path) -> None:
    job = make_job(pictures, tmp_path, keep_statistics=True, levels=FROZEN)
    training.train(job, SILENT)
    trained = build(job.recipe)
    load(trained, job.run.checkpoint(2))
    norm = trained.get_layer("conv_pw_1_bn")  # of random layers only the first say enough to be learned from
    np.testing.assert_array_equal(norm.moving_mean, 0)
    np.testing.assert_array_equal(norm.moving_variance, 1)
    assert not np.array_equal(norm.gamma, np.ones_like(norm.gamma))


def test_activations_are_rounded_while_it_learns_and_never_afterwards(pictures: Path, tmp_path: Path) -> None:
    job = make_job(pictures, tmp_path, activation_bits=2)
    make_repeatable(1)
    plain, rounding = (build(replace(job.recipe, activation_bits=bits), 32) for bits in (0, 2))
    rounding.set_weights(plain.get_weights())
    inputs = np.random.default_rng(1).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(outputs_of(plain, inputs), outputs_of(rounding, inputs))
    inside = part_of(rounding, last="conv1_relu")
    assert set(np.unique(np.asarray(inside(inputs, training=True)))) <= {0.0, 2.0, 4.0, 6.0}
    assert [layer.name for layer in plain.layers[1:]] == [layer.name for layer in rounding.layers[1:]]
    training.train(job, SILENT)
    assert not _equal(weights_of(job), plain.get_weights())


def test_features_are_computed_once_for_both_of_two_trainings(pictures: Path, tmp_path: Path) -> None:
    one = make_job(pictures, tmp_path / "one", **RICH)
    two = replace(make_job(pictures, tmp_path / "two", **RICH), cache=one.cache)
    training.train(one, SILENT)
    parts = {path: path.stat().st_mtime_ns for path in one.cache.rglob("*.npy")}
    assert len(parts) == 6  # what the head sees: the picture and two views; two views that are learned; what chooses
    training.train(two, SILENT)
    assert {path: path.stat().st_mtime_ns for path in one.cache.rglob("*.npy")} == parts


def test_a_teacher_changes_what_is_learned(finished: RunFolder, pictures: Path, tmp_path: Path) -> None:
    taught = make_job(pictures, tmp_path / "taught", finished, views=2)
    alone = make_job(pictures, tmp_path / "alone", views=2)
    for job in (taught, alone):
        training.train(job, SILENT)
    losses = [job.run.read("history.json")["epochs"][-1]["loss"] for job in (taught, alone)]
    assert losses[0] != losses[1]
    assert not _equal(weights_of(taught), weights_of(alone))


@pytest.mark.parametrize("side", [32, 48])
def test_what_a_teachers_frozen_layers_say_is_kept_by_itself(side: int, pictures: Path, tmp_path: Path) -> None:
    """So that the teachers of all folds, which share those layers, ask them once; pictures may be larger for them."""
    frozen = {"preprocessing": Preprocessing(size=(side, side)), "stages": (Stage(side, 1, FROZEN),), "views": 2}
    taught = make_job(pictures, tmp_path / "teacher", **frozen)
    training.train(taught, SILENT)
    kept = {path: path.stat().st_mtime_ns for path in taught.cache.rglob("*.npy")}
    pupil = replace(make_job(pictures, tmp_path / "pupil", taught.run, views=2), cache=taught.cache)
    learning = training._examples(pupil, pupil.split.train)
    (opinion,) = lessons.opinions_of(pupil, learning, SILENT)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(taught.cache.rglob("*.npy"))) == len(kept) + 2
    teacher = build(taught.recipe)
    load(teacher, taught.run.best)
    chosen = np.arange(5)
    shown = Pictures(learning, Views(taught.recipe.preprocessing, pupil.recipe.augmentation, 1), 2).inputs(chosen, 1)
    said = outputs_of(part_of(teacher), shown)
    np.testing.assert_allclose(opinion.inputs(chosen, 1), said, rtol=0.01, atol=0.01)


def test_a_teacher_that_has_seen_what_must_test_is_refused(finished: RunFolder, pictures: Path, tmp_path: Path) -> None:
    split = SplitPlan("pictures", seed=9)
    job = make_job(pictures, tmp_path, finished, views=1, split=split)
    with pytest.raises(UsageError, match="it has learned from [0-9]+ pictures that choose or test here"):
        training.train(job, SILENT)


def test_a_teacher_of_other_classes_is_refused(finished: RunFolder, pictures: Path, tmp_path: Path) -> None:
    other = RunFolder(Path(shutil.copytree(finished.path, tmp_path / "other")))
    recipe = other.read("recipe.json")
    recipe["recipe"]["labels"] = ["blue", "green", "white"]
    other.write("recipe.json", recipe)
    job = make_job(pictures, tmp_path, other, views=1)
    with pytest.raises(UsageError, match="it knows blue, green, white"):
        training.train(job, SILENT)


def test_the_epoch_with_the_lowest_loss_is_kept_even_if_another_has_more_right() -> None:
    rows = [(1, 0.8, 0.5), (2, 0.7, 0.4), (3, 0.9, 0.6)]
    history = [{"epoch": epoch, "val_accuracy": right, "val_loss": loss} for epoch, right, loss in rows]
    assert training._best_epoch(history) == 2


def test_a_training_begun_by_another_rule_is_not_gone_on_with(pictures: Path, tmp_path: Path) -> None:
    job = make_job(pictures, tmp_path)
    rows = [{"epoch": epoch, "val_accuracy": 0.5, "val_loss": loss} for epoch, loss in ((1, 0.5), (2, 0.6))]
    job.run.write("history.json", {"epochs": rows, "best": 2})
    with pytest.raises(UsageError, match="a version that chose the epoch otherwise"):
        training.train(job, SILENT)


def test_a_job_without_the_teachers_of_its_recipe_is_refused(
    finished: RunFolder, pictures: Path, tmp_path: Path
) -> None:
    job = make_job(pictures, tmp_path, finished, views=1)
    with pytest.raises(UsageError, match="names 1 teachers, and 0 are known"):
        replace(job, teachers=())


def test_parts_that_end_at_different_layers_have_different_digests(finished: RunFolder) -> None:
    """Also where the last layer has no weights: what they say differs."""
    built = build(finished.recipe())
    one, other = (digest_of(part_of(built, last=last)) for last in ("conv_pw_1_bn", "conv_pw_1_relu"))
    assert one != other


def test_patience_ends_a_training_that_gets_no_better(pictures: Path, tmp_path: Path) -> None:
    job = make_job(pictures, tmp_path, stages=(Stage(32, 30),), patience=2, learning_rate=1e-9)
    training.train(job, SILENT)
    epochs = job.run.read("history.json")["epochs"]
    assert 3 <= len(epochs) < 30
    assert len(epochs) - job.run.read("history.json")["best"] == 2
    assert job.run.has(TRAINED)


def test_the_last_epoch_is_kept_where_that_is_asked_for(pictures: Path, tmp_path: Path) -> None:
    """Whatever the validation loss says; what the training does is the same."""
    kept = {}
    for last in (False, True):
        folder = tmp_path / str(last)
        job = make_job(pictures, folder, stages=(Stage(32, 3),), learning_rate=0.5, last_epoch=last)
        training.train(job, SILENT)
        kept[last] = job.run.read("history.json")
        if last:
            assert job.run.best.read_bytes() == job.run.checkpoint(3).read_bytes()
    assert kept[True]["best"] == 3
    assert kept[True]["epochs"] == kept[False]["epochs"]
    assert kept[False]["best"] != 3, "this learning rate was to spoil the network"


def test_a_layer_that_is_not_there_is_named(pictures: Path, tmp_path: Path) -> None:
    job = make_job(pictures, tmp_path, stages=(Stage(32, 1, "conv_pw_99"),), views=1)
    with pytest.raises(UsageError, match=r"no layer conv_pw_99. Try: one of .*conv_pw_5_relu"):
        training.train(job, SILENT)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--network", "mobilenet_v2", "--frozen-epochs", "1", "--views", "1"], "it has no layer conv_pw_5_relu"),
        (["--levels", "conv_pw_77_relu"], "it has no layer conv_pw_77_relu"),
        (["--seed", "-1"], "a seed is 0 or more"),
        (["--rotation", "-5"], "rotation is 0 degrees or more"),
        (["--teacher", "nowhere", "--views", "1"], "trained.json"),
    ],
)
def test_what_cannot_be_trained_leaves_no_run_folder(
    wrong: list[str], said: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["train", str(pictures), "-o", str(tmp_path / "run"), "--weights", "none", "--split", "pictures", *wrong]
    assert main(argv) == UsageError.exit_code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_starting_weights_that_cannot_be_loaded_leave_the_folder_to_the_corrected_command(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "corrected"
    argv = ["train", str(pictures), "-o", str(folder), "--size", "32", "--epochs", "0", "--split", "pictures"]
    argv += ["--cache", str(tmp_path / "cache"), "--alpha", "0.25"]
    other = tmp_path / "other.weights.h5"
    save(build(make_job(pictures, tmp_path, alpha=0.5).recipe), other)
    assert main([*argv, "--weights", str(other)]) == ModelError.exit_code
    assert f"loading the weights {other}: they are not of this network" in capsys.readouterr().err
    assert not folder.exists()
    assert main([*argv, "--weights", "none"]) == 0


def test_a_training_goes_on_with_the_split_that_it_began_with(pictures: Path, tmp_path: Path) -> None:
    """Also where this version would split otherwise: what was to test must not be learned now."""
    argv = ["train", str(pictures), "-o", str(tmp_path / "run"), "--weights", "none", "--alpha", "0.25", "--size", "32"]
    argv += ["--epochs", "1", "--split", "pictures", "--batch", "9", "--cache", str(tmp_path / "cache")]
    argv += ["--until", LAST]
    run = RunFolder(tmp_path / "run")
    assert main(argv) == 0
    split = run.read("split.json")
    path, sha256 = split["train"].popitem()
    split["test"][path] = sha256
    for gone in ("history.json", TRAINED, "best.weights.h5", "epoch-01.weights.h5"):
        (run.path / gone).unlink()
    run.write("split.json", split)
    assert main(argv) == 0
    assert run.read("split.json") == split


def test_a_full_disk_is_noticed_before_a_checkpoint_is_begun(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(finished.recipe())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(StorageError, match=r"No space left on device: [0-9]+ MB are needed.*goes on where it stopped"):
        save(built, tmp_path / "epoch-01.weights.h5")
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_no_number_is_said(pictures: Path, tmp_path: Path) -> None:
    job = make_job(pictures, tmp_path, learning_rate=1e30, optimizer="sgd", levels=FROZEN)
    with pytest.raises(ModelError, match="the loss is not a number"):
        training.train(job, SILENT)


def test_weights_of_another_architecture_are_refused(finished: RunFolder) -> None:
    other = build(replace(finished.recipe(), architecture="mobilenet_v2", alpha=0.35, until=""))
    assert other.get_layer("block_16_project")
    with pytest.raises(ModelError, match="loading the weights"):
        load(other, finished.best)


def test_the_command_line_spells_the_whole_recipe(finished: RunFolder, pictures: Path, tmp_path: Path) -> None:
    argv = ["train", str(pictures), "-o", str(tmp_path / "run"), "--weights", "none", "--alpha", "0.25", "--size", "32"]
    argv += ["--frozen-epochs", "1", "--frozen", FROZEN, "--epochs", "0", "--views", "1", "--average", "0.9", "--mixup"]
    argv += ["0.1", "--keep-statistics", "--class-weights", "--split", "pictures", "--cache", str(tmp_path / "cache")]
    argv += ["--teacher", str(finished.path), "--teacher-weight", "0.5", "--optimizer", "sgd", "--batch", "9"]
    argv += ["--until", LAST, "--levels", FROZEN, "--pooling", "mean-max", "--head-decay", "0.5"]
    assert main(argv) == 0
    recipe = RunFolder(tmp_path / "run").recipe()
    assert (recipe.stages, recipe.until) == ((Stage(32, 1, FROZEN),), LAST)
    assert (recipe.levels, recipe.pooling, recipe.head_decay) == (FROZEN, "mean-max", 0.5)
    assert recipe.distillation == Distillation((Teacher("run", sha256_of(finished.best)),), weight=0.5)
    assert (recipe.average, recipe.mixup, recipe.keep_statistics, recipe.class_weights) == (0.9, 0.1, True, True)
    assert RunFolder(tmp_path / "run").teachers() == (finished,)
