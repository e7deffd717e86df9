"""Choosing which test pictures a report shows, and looking where the chosen network looked in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.errors import ModelError, UsageError
from appliance.files import sha256_of
from modelworks.dataset import Picture, decode
from modelworks.litert import LiteModel
from modelworks.occlusion import Scores, grid_for, look
from modelworks.progress import Report
from modelworks.report.findings import Findings
from modelworks.report.pictures import heat_picture, thumbnail
from modelworks.report.words import percent
from modelworks.runfolder import RunFolder
from modelworks.samedata import check_data
from modelworks.split import Split

__all__ = ["Gallery", "Shown", "plan_gallery", "show", "work_units"]

MOST_MISTAKES, MOST_LOOKS = 24, 4
LOOKING_S = 25.0
"""About how long all looks may take: a slow file gets a coarser grid."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture with what is said below it; `heat` and what was `seen` are empty where nobody looked."""

    path: str
    caption: str
    picture: bytes
    heat: bytes = b""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Gallery:
    """`mistakes` are those made, `right` are test pictures that may be shown as seen right; `count` is of all mistakes.

    `grid` is the fineness of the looks, 0 for a task without classes.
    """

    folder: Path
    mistakes: tuple[tuple[Picture, Mapping[str, Any]], ...]
    right: tuple[Picture, ...]
    count: int
    grid: int

    @property
    def looks(self) -> int:
        return min(MOST_LOOKS, len(self.mistakes)) + len(self.right) if self.grid else 0


def plan_gallery(findings: Findings, run: RunFolder, folder: Path) -> Gallery:
    """What there is to show of the chosen file.

    Raises:
        UsageError: a picture to be shown is not in `folder`, or is another; the run never had one of its mistakes.
    """
    test = {picture.path: picture for picture in run.split().test}
    told = findings.chosen.get("mistakes") or ()
    strange = next((each["picture"] for each in told if each["picture"] not in test), None)
    if strange is not None:
        found = f"validation.json names {strange}, which is no test picture"
        raise UsageError("choosing pictures for the report", found, "`modelworks validate` again")
    mistakes = tuple((test[each["picture"]], each) for each in told[:MOST_MISTAKES])
    classes = findings.metric == "accuracy"
    right = _one_of_each(test, {each["picture"] for each in told}) if classes else ()
    grid = grid_for(_own_ms(findings.chosen), 2 * MOST_LOOKS, LOOKING_S) if classes else 0
    gallery = Gallery(folder, mistakes, right, len(told), grid)
    check_data(folder, Split((), (), (*(picture for picture, _ in mistakes), *right)))
    return gallery


def show(gallery: Gallery, findings: Findings, run: RunFolder, report: Report) -> tuple[list[Shown], list[Shown]]:
    """The mistakes, the worst first, and those seen right. Two units of work a look, one a thumbnail.

    Raises:
        ModelError: the chosen file is gone, or not the one that was measured.
    """
    scores = _scores(findings, run) if gallery.grid else None
    labels = findings.raw["validation"].get("labels", ())
    mistakes = []
    for place, (picture, told) in enumerate(gallery.mistakes):
        looked = scores if place < MOST_LOOKS else None
        mistakes.append(_shown(gallery, picture, _told(told), labels, looked, report))
    right = [_shown(gallery, picture, picture.label, labels, scores, report) for picture in gallery.right]
    return mistakes, right


def work_units(gallery: Gallery) -> int:
    return len(gallery.mistakes) + len(gallery.right) + 2 * gallery.looks


def _one_of_each(test: Mapping[str, Picture], mistaken: set[str]) -> tuple[Picture, ...]:
    """The middle one of each class's pictures that were named right, of the first few classes."""
    by_class: dict[str, list[Picture]] = {}
    for path in sorted(set(test) - mistaken):
        by_class.setdefault(test[path].label, []).append(test[path])
    return tuple(group[len(group) // 2] for group in by_class.values())[:MOST_LOOKS]


def _own_ms(row: Mapping[str, Any]) -> float:
    """What a picture costs here; the row's own `ms` may be the target's."""
    here = [each["median"] for each in row.get("timings") or () if each.get("kernels") == "default"]
    return float(min(here, default=(row.get("ms") or {}).get("median", 10.0)))


def _scores(findings: Findings, run: RunFolder) -> Scores:
    """The chosen file, once it is certain that it is the one that was measured: a strange file may crash LiteRT."""
    path, doing = run.tflite(findings.chosen["name"]), "looking where the network looked"
    if not path.is_file():
        raise ModelError(doing, f"there is no {path.name}", "give `modelworks quantize` again, or --no-pictures")
    if sha256_of(path) != findings.chosen["sha256"]:
        raise ModelError(doing, f"{path.name} is not the file that was measured", "give `modelworks validate` again")
    model, spec = LiteModel(path), findings.recipe.preprocessing
    return lambda pictures: model.scores(pictures, spec)


def _told(mistake: Mapping[str, Any]) -> str:
    sure = mistake.get("confidence")
    if sure is None:
        return f"{mistake['truth']:.4g}, and it said {mistake['guess']:.4g}"
    return f"{mistake['truth']}, taken for {mistake['guess']} ({percent(sure, 0)})"


def _shown(
    gallery: Gallery, picture: Picture, caption: str, labels: Sequence[str], scores: Scores | None, report: Report
) -> Shown:
    pixels = decode(gallery.folder, picture)
    report.advance(1)
    if scores is None:
        return Shown(picture.path, caption, thumbnail(pixels))
    looked = look(scores, pixels, gallery.grid)
    report.advance(2)
    seen = f"{labels[looked.guess]}: {percent(looked.sure, 0)}, with the worst place covered {percent(looked.least, 0)}"
    return Shown(picture.path, caption, thumbnail(pixels), heat_picture(pixels, looked), seen)
