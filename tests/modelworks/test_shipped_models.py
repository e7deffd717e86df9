"""The models that ship were tested on pictures they have never seen, and are as good as their papers say."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.bundle.manifest import LABELS_FILE, MANIFEST_FILE, MODEL_FILE, Manifest, parse_labels
from appliance.files import sha256_of
from appliance.records import Pixels
from modelworks.litert import LiteModel

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "pictures"
DATA = ROOT.parent / "shared" / "data"
MODELS = sorted(path.parent for path in (ROOT / "models").glob(f"*/{MANIFEST_FILE}"))


def manifest_of(model: Path) -> Manifest:
    return Manifest.from_bytes((model / MANIFEST_FILE).read_bytes())


def read(path: Path) -> Pixels:
    pixels = cv2.imread(str(path))
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


def right(model: Path, labelled: list[tuple[Path, str]]) -> float:
    """The share of the pictures whose label the model names first."""
    labels = parse_labels((model / LABELS_FILE).read_bytes())
    decoded = [read(path) for path, _ in labelled]
    scores = LiteModel(model / MODEL_FILE).scores(decoded, manifest_of(model).preprocessing)
    truth = np.array([labels.index(label) for _, label in labelled])
    return float((scores.argmax(axis=1) == truth).mean())


def with_hashes(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """(file, label, SHA-256) of every picture in a folder of labelled folders."""
    for path in sorted(folder.glob("*/*.jpg")):
        yield path, path.parent.name, sha256_of(path)


def test_both_models_ship() -> None:
    assert [model.name for model in MODELS] == ["chamber5", "trashnet6"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_files_are_those_of_the_manifest(model: Path) -> None:
    manifest = manifest_of(model)
    assert {path.name for path in model.iterdir()} == {*manifest.files, MANIFEST_FILE}
    for name, entry in manifest.files.items():
        assert (sha256_of(model / name), (model / name).stat().st_size) == (entry.sha256, entry.length)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_no_picture_that_trained_or_chose_also_tests_or_ships(model: Path) -> None:
    manifest = manifest_of(model)
    trained, chose = set(manifest.training["pictures"]), set(manifest.validation["pictures"])
    tested = set(manifest.validation["test_pictures"])
    shipped = {sha256_of(path) for path in PICTURES.rglob("*.jpg")}
    assert trained
    assert tested
    assert not trained & chose
    assert not (trained | chose) & (tested | shipped)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_figures_reach_what_was_promised(model: Path) -> None:
    figures = manifest_of(model).figures
    assert figures["accuracy"]["value"] >= {"chamber5": 0.985, "trashnet6": 0.93}[model.name]
    assert figures["agreement_test"]["value"] >= 0.985
    assert figures["paired_loss"]["points"] <= 1.0
    assert figures["accuracy"]["n"] == len(manifest_of(model).validation["test_pictures"])


def test_trashnet6_reaches_its_goal_over_five_folds() -> None:
    """One fold flatters: these are all 2,023 photographs, each judged by a network that had not seen its block."""
    pooled = manifest_of(ROOT / "models" / "trashnet6").figures["cross_validated"]
    assert (pooled["folds"], pooled["accuracy"]["n"]) == (5, 2023)
    assert pooled["accuracy"]["value"] >= 0.92
    assert pooled["agreement"]["value"] >= 0.985
    assert pooled["paired_loss"]["high"] <= 1.0
    assert (ROOT / "models" / "trashnet6" / MODEL_FILE).stat().st_size <= 1_000_000


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_camera_s_bytes_fit_the_input_as_they_are(model: Path) -> None:
    tensor = manifest_of(model).tensor
    assert (tensor.dtype, tensor.zero_point) in {("uint8", 127), ("uint8", 128)}
    assert tensor.scale == pytest.approx(1 / 127.5, rel=1e-3)


def test_at_least_sixty_pictures_of_all_classes_ship_in_two_megabytes() -> None:
    shipped = list(with_hashes(PICTURES / "chamber"))
    labels = parse_labels((ROOT / "models" / "chamber5" / LABELS_FILE).read_bytes())
    assert len(shipped) >= 60
    assert {label for _, label, _ in shipped} == set(labels)
    assert sum(path.stat().st_size for path, _, _ in shipped) <= 2_000_000


def test_the_shipped_pictures_are_the_whole_test_split_of_chamber5() -> None:
    """Not a choice among them: the accuracy on what ships is the accuracy."""
    tested = manifest_of(ROOT / "models" / "chamber5").validation["test_pictures"]
    assert sorted(digest for _, _, digest in with_hashes(PICTURES / "chamber")) == tested


def test_chamber5_sorts_the_shipped_pictures() -> None:
    model = ROOT / "models" / "chamber5"
    share = right(model, [(path, label) for path, label, _ in with_hashes(PICTURES / "chamber")])
    assert share == pytest.approx(manifest_of(model).figures["accuracy"]["value"], abs=0.01)
    assert share >= 0.97


def test_chamber5_sorts_a_clip_of_unseen_items() -> None:
    clip = DATA / "chamber" / "clip"
    if not clip.is_dir():
        pytest.skip(f"needs the clip of the chamber in {clip}")
    frames = json.loads((clip / "frames.json").read_bytes())
    labelled = [(clip / frame["file"], frame["label"] or "empty") for frame in frames]
    share = right(ROOT / "models" / "chamber5", labelled)
    print(f"chamber5 on the clip: {share:.2%} of {len(labelled)} frames")
    assert share >= 0.97


def test_trashnet6_sorts_photographs_of_held_out_blocks() -> None:
    if not (DATA / "trashnet").is_dir():
        pytest.skip(f"needs the TrashNet photographs in {DATA / 'trashnet'}")
    model = ROOT / "models" / "trashnet6"
    manifest = manifest_of(model)
    tested, seen = set(manifest.validation["test_pictures"]), set(manifest.training["pictures"])
    known = list(with_hashes(DATA / "trashnet"))
    held = [(path, label) for path, label, digest in known if digest in tested]
    assert len(held) == len(tested)
    assert not {digest for _, _, digest in known if digest in tested} & seen
    assert right(model, held) >= 0.93


def test_no_photograph_of_trashnet_ships() -> None:
    manifest = manifest_of(ROOT / "models" / "trashnet6")
    theirs = {*manifest.training["pictures"], *manifest.validation["pictures"], *manifest.validation["test_pictures"]}
    pictures = [path for kind in ("*.jpg", "*.jpeg", "*.png") for path in PICTURES.rglob(kind)]
    assert not theirs & {sha256_of(path) for path in pictures}
