"""Writing a trained network in quantized forms, each measured on the validation pictures.

The test pictures are not looked at: recipes and calibration are chosen by what comes out here.
"""

from collections.abc import Mapping
from typing import Any

from appliance.files import sha256_of
from modelworks.calibration import draw
from modelworks.calibrationplot import draw_sweep
from modelworks.dataset import decode_all
from modelworks.making import Made, Maker
from modelworks.measuring import Jury
from modelworks.progress import Report
from modelworks.promise import check_all_differ
from modelworks.quantplan import SWEPT, QuantPlan, looking_units, making_units, work_units
from modelworks.quantrecipes import RECIPES, REFERENCE
from modelworks.runfolder import RunFolder
from modelworks.staging import Staging, staged
from modelworks.subject import Subject

__all__ = ["FIGURES", "QuantPlan", "quantize", "work_units"]

FIGURES = "figures.json"


def quantize(subject: Subject, run: RunFolder, plan: QuantPlan, command: str, report: Report) -> dict[str, Any]:
    """Write NAME.tflite and NAME.recipe.json for the reference and each recipe; returns what figures.json then holds.

    All files appear at the end or none does: a broken promise, an interruption or a full disk leaves the run folder
    as it was. The figures of other recipes, made earlier of the same network, stay.

    Raises:
        UsageError: a picture cannot be read, or those to calibrate on are too few or of one class.
        ModelError: the network cannot be converted, or a file is not what its recipe promises.
        StorageError: the run folder cannot be written.
    """
    calibration = draw(subject.calibrating, subject.labels, plan.largest, subject.seed)
    maker = Maker(subject, calibration, decode_all(subject.folder, calibration.pictures), plan.training)
    held = decode_all(subject.folder, subject.held)
    with staged(run.path) as staging:
        made = _make(maker, plan, staging, report)
        jury = Jury.of(subject, held, staging.path / _file(REFERENCE))
        figures = _earlier(run, staging, made) | {"command": command}
        figures |= subject.run.caution() if subject.run else {}
        figures["representative"] = maker.calibration.first(plan.representative).as_dict()
        measured = {name: {**each, "command": command} for name, each in _measured(made, jury, staging, report).items()}
        figures["recipes"] = _in_order(figures.get("recipes", {}) | measured)
        if plan.sweep:
            figures["sweep"] = {SWEPT: _sweep(maker, plan, jury, staging, report)}
            accuracy = figures["recipes"][REFERENCE]["validation"]["accuracy"]
            staging.write("calibration.png", draw_sweep(SWEPT, figures["sweep"][SWEPT], accuracy))
        staging.write_json(FIGURES, figures)
    return figures


def _make(maker: Maker, plan: QuantPlan, staging: Staging, report: Report) -> dict[str, Made]:
    """Every file into the staging; no two may be the same."""
    made = {REFERENCE: maker.reference()}
    for name in plan.names:
        if name != REFERENCE:
            made[name] = maker.make(name, plan.representative, made[REFERENCE].content, staging.path, report)
        staging.write(_file(name), made[name].content)
        staging.write_json(f"{name}.recipe.json", made[name].record)
        count = min(plan.representative, len(maker.drawn))
        report.advance(making_units(name, count, fits=name in plan.fitting))
        report.say(f"{_file(name)}: {len(made[name].content) / 1000:.0f} kB")
    check_all_differ({name: each.content for name, each in made.items()})
    return made


def _measured(made: Mapping[str, Made], jury: Jury, staging: Staging, report: Report) -> dict[str, Any]:
    measured = {}
    for name, each in made.items():
        path = staging.path / _file(name)
        validation, agreement = jury.verdict(path)
        measured[name] = {
            "sha256": sha256_of(path),
            "bytes": len(each.content),
            "recipe": each.record,
            "validation": validation,
            "agreement_validation": agreement,
        }
        report.advance(looking_units(name, len(jury.held)))
    return measured


def _sweep(maker: Maker, plan: QuantPlan, jury: Jury, staging: Staging, report: Report) -> list[dict[str, Any]]:
    """The file with each number of calibration pictures: accuracy and agreement. None of these files stays."""
    sweep, float32 = [], (staging.path / _file(REFERENCE)).read_bytes()
    for count in plan.counts(len(maker.subject.calibrating)):
        made = maker.make(SWEPT, count, float32, staging.path, report)
        validation, agreement = jury.verdict(staging.scratch(f"calibrated-on-{count}.tflite", made.content))
        sweep.append({"pictures": count, "accuracy": validation["accuracy"], "agreement": agreement})
        report.advance(making_units(SWEPT, count) + looking_units(SWEPT, len(jury.held)))
        report.say(f"calibrated on {count}: agrees on {agreement['value']:.2%}")
    return sweep


def _earlier(run: RunFolder, staging: Staging, made: Mapping[str, Made]) -> dict[str, Any]:
    """The figures that still hold: of files that are there, unchanged, and made of this same network."""
    figures = run.read(FIGURES) if run.has(FIGURES) else {}
    recipes = figures.get("recipes", {})
    if recipes.get(REFERENCE, {}).get("sha256") != sha256_of(staging.path / _file(REFERENCE)):
        return {}
    kept = {
        name: entry
        for name, entry in recipes.items()
        if name not in made and "recipe" in entry and _is_there(run, name, entry["sha256"])
    }
    return {"recipes": kept} | {name: figures[name] for name in ("sweep",) if name in figures}


def _is_there(run: RunFolder, name: str, sha256: str) -> bool:
    return run.tflite(name).is_file() and sha256_of(run.tflite(name)) == sha256


def _in_order(recipes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: recipes[name] for name in RECIPES if name in recipes}


def _file(name: str) -> str:
    return f"{name}.tflite"
