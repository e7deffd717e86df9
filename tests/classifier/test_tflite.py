"""Real .tflite files in the real interpreter: every type agrees, and what cannot be trusted is refused in words."""

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import ROOT

from appliance.classifier import CLASSIFIERS
from appliance.classifier.probe import probe
from appliance.classifier.runtime import load_interpreter
from appliance.classifier.tflite import TFLiteClassifier, TFLiteOptions
from appliance.errors import ModelError
from appliance.preprocess import Preprocessing, Region, TensorFormat
from appliance.records import Prediction

if TYPE_CHECKING:
    from conftest import Models

LABELS = ("red", "green", "blue")
SIZE = (16, 16)
Paint = Callable[[str], NDArray[np.uint8]]
FORMS = ["float32", "int8", "uint8", "logits", "logits-uint8"]


def tensor_of(model: Path) -> TensorFormat:
    """What the file itself says of its input."""
    (source,) = load_interpreter(model, "litert", 1).get_input_details()
    scale, zero_point = source["quantization"]
    return TensorFormat(np.dtype(source["dtype"]).name, float(scale), int(zero_point))  # type: ignore[arg-type]


def noise(seed: int) -> NDArray[np.uint8]:
    """A picture of some colour with some noise, of any size."""
    rng = np.random.default_rng(seed)
    colour = rng.integers(30, 226, 3)
    shape = (*rng.integers(20, 90, 2), 3)
    return np.clip(colour + rng.integers(-25, 26, shape), 0, 255).astype(np.uint8)


# Agreement


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("label", LABELS)
def test_every_form_of_the_network_knows_its_colours(models: "Models", paint: Paint, form: str, label: str) -> None:
    """A colour that comes out as another one would be a channel order that is wrong."""
    classifier = models.load(models.bare(form), models.labels())
    said = classifier.classify(paint(label))
    assert said.label == label
    assert said.confidence > 0.9
    assert len(said.scores) == 3
    assert sum(said.scores) == pytest.approx(1)
    assert said.runner_up in set(LABELS) - {label}


def test_float32_int8_and_uint8_agree(models: "Models") -> None:
    classifiers = {form: models.load(models.bare(form), models.labels()) for form in ("float32", "int8", "uint8")}
    for seed in range(20):
        pixels = noise(seed)
        said = {form: one.classify(pixels) for form, one in classifiers.items()}
        exact = said["float32"]
        for form in ("int8", "uint8"):
            assert said[form].scores == pytest.approx(exact.scores, abs=0.04)
            if exact.confidence > 0.55:
                assert said[form].label == exact.label


def test_logits_become_the_distribution_that_a_softmax_in_the_network_gives(models: "Models") -> None:
    with_softmax = models.load(models.bare("float32"), models.labels())
    for form, tolerance in (("logits", 1e-5), ("logits-uint8", 0.06)):
        without = models.load(models.bare(form), models.labels())
        for seed in range(8):
            exact, said = with_softmax.classify(noise(seed)), without.classify(noise(seed))
            assert said.scores == pytest.approx(exact.scores, abs=tolerance)


def test_the_same_picture_gives_the_same_scores_whatever_came_between(models: "Models", paint: Paint) -> None:
    classifier = models.load(models.bare("uint8"), models.labels())
    first = classifier.classify(paint("red"))
    classifier.classify(paint("blue"))
    assert classifier.classify(paint("red")) == first


def test_the_steps_are_those_of_classify(models: "Models", paint: Paint) -> None:
    classifier = models.load(models.bare("uint8"), models.labels())
    classifier.load(paint("green"))
    classifier.invoke()
    assert classifier.read() == classifier.classify(paint("green"))


# The model directory


@pytest.mark.parametrize("form", ["float32", "int8", "uint8"])
def test_a_directory_is_the_same_as_its_bare_file(models: "Models", form: str) -> None:
    bare = models.load(models.bare(form), models.labels())
    whole = models.load(models.directory(form, tensor_of(models.bare(form))))
    assert whole.labels == bare.labels == LABELS
    assert whole.digest == bare.digest
    assert whole.name == f"tiny 1.2.3 ({whole.digest[:8]})"
    assert bare.name == f"{form}.tflite ({bare.digest[:8]})"
    assert whole.preprocessing == bare.preprocessing == Preprocessing(SIZE)
    assert whole.classify(noise(1)) == bare.classify(noise(1))


def test_the_manifests_preprocessing_is_used(models: "Models", paint: Paint) -> None:
    spec = Preprocessing(SIZE, resize="crop", colour="bgr")
    classifier = models.load(models.directory("float32", TensorFormat(), spec))
    assert classifier.preprocessing == spec
    assert classifier.classify(paint("red")).label == "blue"


@pytest.mark.parametrize(
    "wrong",
    [
        {"dtype": "float32", "scale": 0.0, "zero_point": 0},
        {"dtype": "int8"},
        {"scale": 0.5},
        {"zero_point": 3},
    ],
)
def test_a_manifest_that_describes_another_input_is_refused(models: "Models", wrong: dict[str, Any]) -> None:
    tensor = dataclasses.replace(tensor_of(models.bare("uint8")), **wrong)
    with pytest.raises(ModelError, match="the manifest describes the input as"):
        models.load(models.directory("uint8", tensor))


def test_a_manifest_that_describes_another_size_is_refused(models: "Models") -> None:
    with pytest.raises(ModelError, match=r"\(32, 32\)"):
        models.load(models.directory("float32", TensorFormat(), Preprocessing((32, 32))))


# Numbers that are none


def test_nan_weights_are_a_prediction_without_a_label(models: "Models", paint: Paint) -> None:
    classifier = models.load(models.bare("nan"), models.labels())
    assert classifier.classify(paint("red")) == Prediction(None, 0.0, ())


# Regions


def test_only_the_region_is_looked_at(models: "Models", paint: Paint) -> None:
    pixels = paint("red")
    pixels[10:30, 20:50] = paint("blue")[10:30, 20:50]
    options = TFLiteOptions(kind="tflite", model=models.bare("float32"), labels=models.labels())
    classifier = TFLiteClassifier(options, Region(20, 10, 30, 20))
    assert classifier.classify(pixels).label == "blue"
    classifier.close()


def test_a_region_that_leaves_the_frame_names_the_key_to_correct(models: "Models", paint: Paint) -> None:
    options = TFLiteOptions(kind="tflite", model=models.bare("float32"), labels=models.labels())
    classifier = TFLiteClassifier(options, Region(0, 0, 640, 480))
    with pytest.raises(ModelError) as refused:
        classifier.classify(paint("red"))
    assert "camera.roi" in refused.value.remedy
    classifier.close()


# What cannot be trusted


@pytest.mark.parametrize("labels", [("red", "green"), ("red", "green", "blue", "black")])
def test_a_wrong_number_of_labels_is_refused_with_both_numbers(models: "Models", labels: tuple[str, ...]) -> None:
    with pytest.raises(ModelError) as refused:
        models.load(models.bare("float32"), models.labels(*labels))
    assert f"the output is (1, 3), but labels.txt has {len(labels)} labels" in str(refused.value)
    assert refused.value.exit_code == 12


@pytest.mark.parametrize("keep", [8, 9, 100, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_bare_file_is_refused_and_this_process_survives(models: "Models", keep: float) -> None:
    """A file of which a part is missing can crash the interpreter; the crash is a child's."""
    model = models.bare("float32")
    content = model.read_bytes()
    model.write_bytes(content[: int(keep) if keep >= 1 else int(len(content) * keep)])
    with pytest.raises(ModelError) as refused:
        models.load(model, models.labels())
    assert refused.value.remedy


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_bare_file_never_takes_this_process_with_it(models: "Models", paint: Paint, seed: int) -> None:
    model = models.bare("float32")
    content = bytearray(model.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(8, len(content), 40):
        content[at] = rng.integers(0, 256)
    model.write_bytes(content)
    with contextlib.suppress(ModelError):
        probe(model, "litert")


def test_a_model_that_hangs_is_given_up(models: "Models") -> None:
    with pytest.raises(ModelError, match=r"no end after 0\.001 s"):
        probe(models.bare("float32"), "litert", timeout_s=0.001)


def test_the_probe_says_nothing_of_a_good_model_and_one_line_of_a_bad_one(models: "Models") -> None:
    good = models.bare("float32")
    bad = models.folder / "bad.tflite"
    bad.write_bytes(good.read_bytes()[:100])
    command = [sys.executable, "-m", "appliance.classifier.probe"]
    well = subprocess.run([*command, str(good), "litert"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    badly = subprocess.run([*command, str(bad), "litert"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (well.returncode, well.stdout) == (0, "")
    assert badly.returncode != 0
    assert "Traceback" not in badly.stderr


def test_only_a_model_that_nobody_vouched_for_is_tried_in_a_child_and_its_crash_is_a_refusal(
    models: "Models", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child here is a program that crashes as a bad file can crash the interpreter."""
    child = models.folder / "python"
    child.write_text("#!/bin/sh\nkill -SEGV $$\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    with pytest.raises(ModelError, match=r"crashes the interpreter \(SIGSEGV\)"):
        models.load(models.bare("float32"), models.labels())
    assert models.load(models.directory("float32", TensorFormat())).labels == LABELS


def test_a_directory_whose_model_was_cut_never_reaches_the_interpreter(models: "Models") -> None:
    place = models.directory("float32", TensorFormat())
    content = (place / "model.tflite").read_bytes()
    (place / "model.tflite").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="bytes, the manifest says"):
        models.load(place)


def test_a_runtime_that_is_not_installed_is_named_with_the_command_that_installs_it(models: "Models") -> None:
    if find_spec("tflite_runtime") is not None:
        pytest.skip("tflite-runtime is installed here")
    place = models.directory("float32", TensorFormat())
    with pytest.raises(ModelError, match="loading the runtime tflite-runtime") as refused:
        models.load(place, runtime="tflite-runtime")
    assert refused.value.remedy.startswith("pip install 'tflite-runtime'")


def test_loading_a_model_loads_no_tensorflow(models: "Models") -> None:
    code = (
        "import json, sys\nfrom pathlib import Path\n"
        "from appliance.classifier.tflite import TFLiteClassifier, TFLiteOptions\n"
        "import numpy as np\n"
        "one = TFLiteClassifier(TFLiteOptions(kind='tflite', model=Path(sys.argv[1]), labels=Path(sys.argv[2])))\n"
        "said = one.classify(np.full((8, 8, 3), (20, 20, 230), np.uint8)).label\n"
        "print(json.dumps([said, [name for name in ('tensorflow', 'keras') if name in sys.modules]]))\n"
    )
    command = [sys.executable, "-c", code, str(models.bare("uint8")), str(models.labels())]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert json.loads(result.stdout.splitlines()[-1]) == ["red", []]


def test_closing_twice_is_fine(models: "Models") -> None:
    classifier = models.load(models.bare("float32"), models.labels())
    classifier.close()
    classifier.close()


def test_the_table_knows_it_by_its_name() -> None:
    assert CLASSIFIERS.load("tflite") is TFLiteClassifier
