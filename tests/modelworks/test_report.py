"""The report is one file that stands alone, shows what the run found, and trusts nothing that it is handed."""

import base64
import json
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the extra `train`")
pytest.importorskip("jinja2", reason="needs the extra `train`")

import matplotlib
from matplotlib.image import imread
from tflite_writer import colour_network

from appliance.files import sha256_of
from appliance.preprocess import Preprocessing
from modelworks.cli import main
from modelworks.dataset import fingerprint, labels_of, list_pictures
from modelworks.recipe import Stage, TrainRecipe
from modelworks.report.findings import read_findings
from modelworks.report.labelplacing import Rectangle, place_labels
from modelworks.report.plots import Dot, dots_of, draw_trade
from modelworks.report.words import interval, number, percent, quality, signed
from modelworks.runfolder import RunFolder
from modelworks.split import SplitPlan, split_pictures

pytestmark = pytest.mark.workstation

SVG_TEXT = "{http://www.w3.org/2000/svg}text"
SIZE = 32
# Blue, green, red in the order of the labels; a picture's channels come as red, green, blue.
WEIGHTS = np.array([[0, 0, 3], [0, 3, 0], [3, 0, 0]], np.float32)
NAMES = {"float32": 0.0, "int8-io": 3.65}
"""Name -> what is added to the first class: the second file takes green for blue."""
HISTORY = {
    "epochs": [
        {"epoch": 1, "size": 32, "loss": 1.1, "val_loss": 1.0, "val_accuracy": 0.5},
        {"epoch": 2, "size": 32, "loss": 0.7, "val_loss": 0.8, "val_accuracy": 0.75},
    ],
    "best": 2,
}


def begun(folder: Path, pictures: Path, weights: np.ndarray) -> RunFolder:
    """A run whose two networks were written by hand: trained and quantized, as far as the other steps can tell."""
    listed = list_pictures(pictures).pictures
    plan = SplitPlan("pictures", validation=0.25, test=0.25)
    recipe = TrainRecipe(
        data_name=pictures.name,
        data=fingerprint(listed),
        labels=labels_of(listed),
        preprocessing=Preprocessing(size=(SIZE, SIZE)),
        stages=(Stage(SIZE, 2),),
        split=plan,
    )
    run = RunFolder(folder)
    run.begin(pictures, recipe, split_pictures(listed, plan), {"python": "3"}, "modelworks train colours -o run")
    run.write("history.json", HISTORY)
    made = {}
    for name, bias in NAMES.items():
        run.tflite(name).write_bytes(colour_network(SIZE, weights, bias))
        made[name] = {"sha256": sha256_of(run.tflite(name)), "bytes": run.tflite(name).stat().st_size}
    run.write("figures.json", {"command": "modelworks quantize run", "recipes": made})
    return run


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Validated and selected from by the commands themselves."""
    run = begun(tmp_path_factory.mktemp("runs") / "run", pictures, WEIGHTS)
    assert main(["validate", str(run.path), "--pictures", "5"]) == 0
    assert main(["select", str(run.path), "--max-loss", "1"]) == 0
    return run


@pytest.fixture
def copy(run: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(run.path, tmp_path / "copy")))


@pytest.fixture
def html(run: RunFolder, tmp_path: Path) -> str:
    return reported(run, tmp_path, "--licence", "CC0")


def reported(run: RunFolder, folder: Path, *options: str) -> str:
    assert main(["report", str(run.path), "-o", str(folder / "report.html"), *options]) == 0
    return (folder / "report.html").read_text(encoding="utf-8")


def changed(run: RunFolder, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    content = run.read(name)
    change(content)
    run.write(name, content)


class Page(HTMLParser):
    """Every start tag with its attributes, and all text outside of style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[ \n]+", " ", " ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_is_well_formed_and_needs_nothing_else(html: str) -> None:
    ET.fromstring(html)
    page = Page(html)
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("iframe")
    assert all(image["src"].startswith("data:image/") and image["alt"] for image in page.all("img"))
    assert all(link["href"].startswith("#") for link in page.all("a"))
    assert "url(" not in html
    assert "@import" not in html
    identifiers = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {link["href"][1:] for link in page.all("a")} <= identifiers


def test_every_picture_in_it_can_be_decoded(html: str) -> None:
    kinds = set()
    for image in Page(html).all("img"):
        kind, _, content = image["src"].removeprefix("data:image/").partition(";base64,")
        kinds.add(kind)
        raw = base64.b64decode(content, validate=True)
        if kind == "svg+xml":
            ET.fromstring(raw)
        else:
            assert imread(BytesIO(raw), format=kind).std() > 0
    assert kinds == {"jpeg", "png", "svg+xml"}


def test_it_says_what_the_run_found(html: str, run: RunFolder) -> None:
    text = Page(html).text
    selection, validation = run.read("selection.json"), run.read("validation.json")
    assert selection["reason"] in text
    for row in validation["rows"]:
        assert percent(row["accuracy"]["value"]) in text
        assert number(row["ms"]["median"], 2) in text
    for step in ("train colours -o run", "quantize run", "validate run", "select run", "report run"):
        assert f"modelworks {step}" in text
    assert "The test pictures were read once." in text
    assert "Pictures: CC0." in text
    assert "Seed 1" in text
    refused = next(row["refused"] for row in selection["rows"] if row["name"] == "int8-io")
    assert refused
    assert f"refused: {refused[0]}" in text


def test_mistakes_and_looks_are_shown_for_the_chosen_file(copy: RunFolder, tmp_path: Path) -> None:
    changed(copy, "selection.json", lambda selection: selection.update(choice="int8-io"))
    page = Page(reported(copy, tmp_path))
    mistakes = copy.read("validation.json")["rows"][1]["mistakes"]
    assert mistakes
    for mistake in mistakes:
        assert f"{mistake['truth']}, taken for {mistake['guess']}" in page.text
        assert any(image["alt"] == mistake["picture"] for image in page.all("img"))
    heats = [image["alt"] for image in page.all("img") if image["alt"].startswith("heat")]
    assert len(heats) == min(4, len(mistakes)) + len({"blue", "green", "red"} - {each["truth"] for each in mistakes})
    assert "with the worst place covered" in page.text


def test_a_report_without_pictures_needs_none(copy: RunFolder, tmp_path: Path) -> None:
    changed(copy, "data.json", lambda data: data.update(folder=str(tmp_path / "gone")))
    page = Page(reported(copy, tmp_path, "--no-pictures"))
    assert "Without pictures: the mistakes, and where the network looked, are left out." in page.text
    assert not any("image/jpeg" in image["src"] for image in page.all("img"))
    assert main(["report", str(copy.path)]) == 2
    assert not copy.has("report.html")


def test_what_is_optional_is_told_when_it_is_missing_and_shown_when_there(copy: RunFolder, tmp_path: Path) -> None:
    (copy.path / "history.json").unlink()
    text = Page(reported(copy, tmp_path, "--no-pictures")).text
    assert "No curves: there is no history.json" in text
    assert "No cross-validated figures: modelworks validate RUN --folds 5 makes them." in text
    assert "No calibration curve" in text
    share = {"value": 0.91, "low": 0.9, "high": 0.92, "right": 91, "n": 100}
    row = {"accuracy": share, "agreement": share, "paired_loss": {"points": 0.3, "low": -0.1, "high": 0.7, "n": 100}}
    copy.write("folds.json", {"command": "modelworks validate run --folds 5", "folds": 5, "rows": {"int8-io": row}})
    sweep = {"int8-io": [{"pictures": 10, "accuracy": share, "agreement": share}]}
    changed(copy, "figures.json", lambda figures: figures.update(sweep=sweep))
    changed(copy, "figures.json", lambda figures: figures["recipes"]["float32"].update(validation={"accuracy": share}))
    page = Page(reported(copy, tmp_path, "--no-pictures"))
    assert "5 folds: each picture was judged once, by a network that had not seen it." in page.text
    assert "91.0\u00a0% 90.0 to 92.0 +0.30 −0.10 to 0.70" in page.text
    assert any(image["alt"].startswith("int8-io: validation accuracy") for image in page.all("img"))


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        ("recipe.json", "train"),
        ("figures.json", "quantize"),
        ("validation.json", "validate"),
        ("selection.json", "select"),
    ],
)
def test_a_missing_step_is_named(
    missing: str, command: str, copy: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy.path / missing).unlink()
    assert main(["report", str(copy.path)]) == 2
    assert f"there is no {missing}. Try: `modelworks {command}` first" in capsys.readouterr().err
    assert not copy.has("report.html")


def test_steps_that_do_not_fit_are_refused(copy: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    selection = copy.read("selection.json")
    copy.write("selection.json", selection | {"choice": "float16"})
    assert main(["report", str(copy.path)]) == 2
    assert "knows float32, int8-io, and not float16" in capsys.readouterr().err
    copy.write("selection.json", {name: value for name, value in selection.items() if name != "choice"})
    assert main(["report", str(copy.path)]) == 2
    assert "is not what this version writes: 'choice'" in capsys.readouterr().err
    copy.write("selection.json", selection)
    copy.tflite(selection["choice"]).write_bytes(b"not the file that was measured, and not to be loaded")
    assert main(["report", str(copy.path)]) == 12
    assert "is not the file that was measured" in capsys.readouterr().err
    assert main(["report", str(copy.path), "-o", str(tmp_path)]) == 2
    assert main(["report", str(copy.path), "--no-pictures", "-o", str(tmp_path / "no" / "report.html")]) == 13


def test_a_choice_by_the_machine_s_times_is_reported_with_them(copy: RunFolder, tmp_path: Path) -> None:
    ratios = {row["name"]: 0.25 if row["name"] == "int8-io" else 1.0 for row in copy.read("validation.json")["rows"]}
    times = tmp_path / "board.json"
    times.write_text(json.dumps({"machine": "a small board", "ratios": ratios}))
    assert main(["select", str(copy.path), "--latencies", str(times)]) == 0
    selection = copy.read("selection.json")
    page = reported(copy, tmp_path)
    assert "Times: a small board (board.json)." in page
    assert "for a picture, median, by the times of a small board" in page
    (int8,) = (row for row in selection["rows"] if row["name"] == "int8-io")
    (float32,) = (row for row in selection["rows"] if row["name"] == "float32")
    assert int8["ms"]["median"] == pytest.approx(float32["ms"]["median"] / 4, rel=0.1)


def test_a_choice_older_than_the_measurement_is_refused(copy: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    changed(copy, "validation.json", lambda validation: validation["rows"][1].update(L=0.123))
    assert main(["report", str(copy.path)]) == 2
    assert "int8-io was measured anew after the choice. Try: `modelworks select` again" in capsys.readouterr().err


@pytest.mark.parametrize("lost", ["machine", "pictures", "test_reads"])
def test_a_measurement_of_another_version_is_refused(
    lost: str, copy: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(copy, "validation.json", lambda validation: validation.pop(lost))
    assert main(["report", str(copy.path), "--no-pictures"]) == 2
    assert "not what this version writes" in capsys.readouterr().err


def test_other_pictures_than_those_trained_on_are_refused(
    run: RunFolder, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(pictures, tmp_path / "other"))
    for path in other.glob("*/*.png"):
        cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    assert main(["report", str(run.path), "--data", str(other), "-o", str(tmp_path / "report.html")]) == 2
    assert "is not the file it was" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_hostile_names_stay_text(copy: RunFolder, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"

    def rename(validation: dict[str, Any]) -> None:
        validation["labels"][0] = hostile
        for row in validation["rows"]:
            row["per_class"] = {(hostile if name == "blue" else name): own for name, own in row["per_class"].items()}
        validation["rows"][1]["name"] = '"><img src=x onerror=$x$>&'

    changed(copy, "validation.json", rename)
    changed(copy, "selection.json", lambda selection: selection.update(reason=hostile, rows=[], gates={hostile: 1}))
    html = reported(copy, tmp_path, "--no-pictures", "--licence", hostile)
    ET.fromstring(html)
    page = Page(html)
    assert not page.all("script")
    assert all(set(image) == {"src", "alt"} for image in page.all("img"))
    assert page.text.count(hostile) >= 3
    assert '"><img src=x onerror=$x$>&' in page.text


def test_no_path_of_this_machine_is_in_it(html: str, run: RunFolder, pictures: Path) -> None:
    decoded = [base64.b64decode(found) for found in re.findall(r"base64,([A-Za-z0-9+/=]+)", html)]
    for folder in (run.path.parent, pictures.parent, Path.home()):
        if len(folder.parts) > 1:
            assert str(folder) not in html
            assert not any(str(folder).encode() in each for each in decoded)


def test_a_regression_is_reported_too(pictures: Path, tmp_path: Path) -> None:
    run = begun(tmp_path / "run", pictures, np.array([[0.3, 0.2, 0.1]], np.float32))
    lines = [f"{each.path},{len(each.path) / 20}" for part in run.split().parts().values() for each in part]
    data = Path(shutil.copytree(pictures, tmp_path / "data"))
    (data / "targets.csv").write_text("picture,value\n" + "\n".join(lines) + "\n")
    options = ["--task", "regression", "--data", str(data), "--pictures", "5"]
    assert main(["validate", str(run.path), *options]) == 0
    assert main(["select", str(run.path)]) == 0
    page = Page(reported(run, tmp_path, "--data", str(data)))
    row = run.read("validation.json")["rows"][0]
    assert quality(row["mse"]["value"], "mse") in page.text
    assert "mean squared error on test pictures" in page.text
    assert ", and it said " in page.text
    assert "Where the network looked is shown for networks that name classes." in page.text
    assert not any(attributes.get("id") == "classes" for _, attributes in page.tags)


def test_a_later_reading_of_the_test_pictures_is_held_against_the_figures(copy: RunFolder, tmp_path: Path) -> None:
    changed(copy, "validation.json", lambda validation: validation.update(test_reads=3))
    assert "read 3 times. From the second time on" in Page(reported(copy, tmp_path, "--no-pictures")).text


def test_a_file_without_a_cost_is_not_in_the_plot(copy: RunFolder) -> None:
    changed(copy, "validation.json", lambda validation: validation["rows"][1].pop("ms"))
    findings = read_findings(copy)
    assert [dot.name for dot in dots_of(findings, "kb")] == ["float32", "int8-io"]
    assert [dot.name for dot in dots_of(findings, "ms", "median")] == ["float32"]


def test_a_file_far_off_does_not_press_the_others_into_a_line() -> None:
    """Its value stands in its name, and the axis ends where the others need it."""
    near = [Dot("int8", 900, 89.0, 87.0, 91.0, "chosen"), Dot("float16", 1600, 90.0, 88.0, 92.0, "on the front")]
    far = Dot("int4", 500, 24.5, 20.0, 30.0, "on the front")
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        texts = [each.text or "" for each in ET.fromstring(draw_trade([*near, far], "kB", "%")).iter(SVG_TEXT)]
    assert {"int8", "float16", "int4 ↓ 24.5"} <= set(texts)
    ticks = [float(text) for text in texts if re.fullmatch(r"[\d.]+", text) and float(text) < 101]
    assert min(ticks) > 75


def test_labels_lie_over_no_point_and_no_other_label() -> None:
    points = [(100.0 + 3 * place, 100.0 + 2 * (place % 3)) for place in range(11)]
    room = Rectangle(0, 0, 320, 240)
    placed = place_labels(points, [(60.0, 12.0)] * len(points), room)
    for place, one in enumerate(placed):
        assert one.shared(room) == pytest.approx(60 * 12)
        assert not any(one.shared(other) for other in placed[place + 1 :])
        assert not any(one.shared(Rectangle(x - 4, y - 4, 8, 8)) for x, y in points)


def test_a_lone_label_stands_beside_its_point_and_a_crowd_fails_softly() -> None:
    (alone,) = place_labels([(50.0, 50.0)], [(20.0, 10.0)], Rectangle(0, 0, 200, 100))
    assert (alone.x, alone.y) == (58.0, 45.0)
    assert len(place_labels([(5.0, 5.0)] * 40, [(30.0, 10.0)] * 40, Rectangle(0, 0, 40, 20))) == 40


def test_numbers_are_told_as_people_write_them() -> None:
    assert (number(3290.236, 0), number(-0.004, 2), number(None)) == ("3\u202f290", "0.00", "–")
    assert (signed(-0.259), signed(0.3), signed(0.0), signed(None)) == ("−0.26", "+0.30", "0.00", "–")
    assert (percent(0.9093), percent(None)) == ("90.9\u00a0%", "–")
    assert interval({"low": 0.8768, "high": 0.9341}) == "87.7 to 93.4"
    assert interval({"low": 0.01, "high": 0.02}, "mse") == "0.01 to 0.02"
    assert interval(None) == ""


def test_json_that_is_none_is_refused(copy: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    (copy.path / "validation.json").write_text(json.dumps([1, 2]))
    assert main(["report", str(copy.path)]) == 2
    assert "validation.json" in capsys.readouterr().err
