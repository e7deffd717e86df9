"""A joined network says the mean of what its members say, in every fold of those of that fold."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tensorflow", reason="needs the extra `train`")

import keras

from appliance.errors import UsageError
from modelworks.batches import inputs_of
from modelworks.cli import main
from modelworks.dataset import decode_all
from modelworks.folds import FOLDS
from modelworks.network import build
from modelworks.networkparts import outputs_of, part_of
from modelworks.recipe import JOINED, TrainRecipe
from modelworks.runfolder import TRAINED, RunFolder
from modelworks.temperature import best_temperature
from modelworks.weightsfile import load

pytestmark = pytest.mark.workstation

SMALL = ["--weights", "none", "--size", "32", "--epochs", "1", "--split", "pictures", "--batch", "9", "--fold", "1/2"]


@pytest.fixture(scope="module")
def members(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    """Two networks of different widths, the second of which ends early; cross-validated."""
    folder = tmp_path_factory.mktemp("members")
    ways = {"narrow": ["--alpha", "0.25", "--until", "conv_pw_8_relu"], "short": ["--until", "conv_pw_6_relu"]}
    for name, how in ways.items():
        run = str(folder / name)
        assert main(["train", str(pictures), "-o", run, "--cache", str(folder / "cache"), *SMALL, *how]) == 0
        assert main(["validate", run, "--folds", "2", "--recipe", "float32"]) == 0
    return RunFolder(folder / "narrow"), RunFolder(folder / "short")


@pytest.fixture(scope="module")
def joined(members: tuple[RunFolder, RunFolder]) -> RunFolder:
    run = members[0].path.with_name("joined")
    assert main(["join", *(str(member.path) for member in members), "-o", str(run)]) == 0
    return RunFolder(run)


@pytest.fixture(scope="module")
def mirrored(members: tuple[RunFolder, RunFolder]) -> RunFolder:
    """The first of them, which also looks at mirror images."""
    run = members[0].path.with_name("mirrored")
    assert main(["join", str(members[0].path), "--mirror", "-o", str(run)]) == 0
    return RunFolder(run)


def said_by(run: RunFolder, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Its logits before they were divided. Random weights say nearly the same of everything: the layers are livened."""
    built = build(run.recipe(), 32)
    load(built, run.best)
    for layer in built.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(layer.moving_variance * 0.02)
    temperature = run.read(TRAINED).get("temperature", 1.0)
    return outputs_of(part_of(built), inputs) * temperature


def some_inputs() -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-1, 1, (5, 32, 32, 3)).astype(np.float32)


def test_its_logits_are_the_mean_of_its_members(joined: RunFolder, members: tuple[RunFolder, RunFolder]) -> None:
    said = [said_by(run, some_inputs()) for run in (joined, *members)]
    np.testing.assert_allclose(said[0], (said[1] + said[2]) / 2, rtol=1e-3, atol=1e-7)
    assert not np.allclose(said[1], said[2], rtol=1e-2, atol=1e-7)


def test_a_mirrored_network_says_the_mean_for_the_picture_and_its_mirror_image(
    mirrored: RunFolder, members: tuple[RunFolder, RunFolder]
) -> None:
    plain, turned = some_inputs(), np.ascontiguousarray(some_inputs()[:, :, ::-1])
    said = [said_by(run, each) for run, each in ((mirrored, plain), (members[0], plain), (members[0], turned))]
    np.testing.assert_allclose(said[0], (said[1] + said[2]) / 2, rtol=1e-3, atol=1e-7)
    assert not np.allclose(said[1], said[2], rtol=1e-2, atol=1e-7)


def test_a_mirrored_network_is_no_larger(mirrored: RunFolder, members: tuple[RunFolder, RunFolder]) -> None:
    for run in (mirrored, members[0]):
        assert main(["quantize", str(run.path), "--recipe", "int8-io-fitted", "--representative", "12"]) == 0
    sizes = [run.tflite("int8-io-fitted").stat().st_size for run in (mirrored, members[0])]
    assert sizes[0] < sizes[1] + 3000


def test_a_mirrored_network_is_joined_fold_by_fold_and_with_others(
    mirrored: RunFolder, members: tuple[RunFolder, RunFolder]
) -> None:
    assert main(["validate", str(mirrored.path), "--folds", "2", "--recipe", "float16"]) == 0
    assert [each.name for each in mirrored.fold(2).recipe().members] == ["narrow/folds/2"]
    run = RunFolder(mirrored.path.with_name("both"))
    assert main(["join", str(mirrored.path), str(members[1].path), "-o", str(run.path)]) == 0
    said = [said_by(each, some_inputs()) for each in (run, mirrored, members[1])]
    as_sure_as_it_is = said[1] / mirrored.read(TRAINED)["temperature"]
    np.testing.assert_allclose(said[0], (as_sure_as_it_is + said[2]) / 2, rtol=1e-3, atol=1e-7)


def test_it_is_as_sure_as_its_validation_pictures_let_it_be(joined: RunFolder) -> None:
    """No other temperature gives them a lower loss; dividing changes no answer."""
    built = build(joined.recipe(), 32)
    load(built, joined.best)
    held = joined.split().validation
    inputs = inputs_of(decode_all(joined.data_folder(), held), joined.recipe().preprocessing)
    classes = np.array([joined.recipe().labels.index(picture.label) for picture in held])
    logits = outputs_of(part_of(built), inputs)
    temperature = joined.read(TRAINED)["temperature"]
    assert best_temperature(logits * temperature, classes) == pytest.approx(temperature, rel=1e-3)


def test_its_recipe_holds_those_of_its_members(joined: RunFolder, members: tuple[RunFolder, RunFolder]) -> None:
    recipe = joined.recipe()
    assert recipe.architecture == JOINED
    assert [member.recipe for member in recipe.members] == [run.recipe() for run in members]
    assert TrainRecipe.from_dict(recipe.as_dict()) == recipe
    assert joined.split() == members[0].split()


def test_each_fold_joins_the_networks_of_that_fold(
    joined: RunFolder, members: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    """A network of another fold has learned from what tests here."""
    assert main(["validate", str(joined.path), "--folds", "2", "--recipe", "int8-io-fitted"]) == 0
    assert "2 folds together" in capsys.readouterr().out
    named = [[each.name for each in joined.fold(2).recipe().members]]
    assert named == [["narrow/folds/2", "short/folds/2"]]
    assert joined.read(FOLDS)["rows"]["int8-io-fitted"]["accuracy"]["n"] == 36


def test_a_fold_of_a_member_that_is_missing_is_named(joined: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(joined.path), "--folds", "3"]) == UsageError.exit_code
    said = capsys.readouterr().err
    assert "joining the networks of fold 1" in said
    assert "`modelworks validate narrow --folds 3` first" in said


def test_a_member_that_changed_is_refused(
    joined: RunFolder, members: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise the joined run's recipe would name weights that are not in it."""
    (joined.path / "trained.json").unlink()
    whole = members[1].best.read_bytes()
    members[1].best.write_bytes(members[1].fold(2).best.read_bytes())
    try:
        argv = ["join", *(str(member.path) for member in members), "-o", str(joined.path)]
        assert main(argv) == UsageError.exit_code
    finally:
        members[1].best.write_bytes(whole)
    assert "another recipe" in capsys.readouterr().err
    assert main(argv) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["narrow"], "or --mirror to join it with its mirror image"),
        (["narrow", "narrow"], "the same network twice"),
        (["narrow", "short/folds/2"], "short/folds/2 has another split than narrow"),
        (["narrow", "nowhere"], "trained.json"),
    ],
)
def test_what_cannot_be_joined_leaves_no_run_folder(
    given: list[str],
    said: str,
    members: tuple[RunFolder, RunFolder],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = [str(members[0].path.parent / name) for name in given]
    assert main(["join", *paths, "-o", str(tmp_path / "joined")]) == UsageError.exit_code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "joined").exists()
