"""`modelworks select` chooses the lowest L under the gates by the validation pictures, and says why."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import UsageError
from modelworks.cli import main
from modelworks.explaining import reason
from modelworks.objective import ACCURACY, Candidate
from modelworks.selecting import Gates, Loss, Row, choose

PAPER = Path(__file__).parents[2] / "docs" / "examples" / "paper-2020.csv"


def row(name: str, accuracy: float, ms: float, kb: float, high: float = 0.0, points: float = 0.0) -> Row:
    return Row(Candidate(name, accuracy, ms, kb), Loss(points, points - 1, high, 196), 2 * ms, accuracy)


FLOAT32 = Row(Candidate("float32", 0.9, 4, 3200), Loss(0.0, 0.0, 0.0, 196), 8, 0.9)
ROWS = (FLOAT32, row("int8", 0.89, 4.5, 900, high=2.5, points=1.0), row("float16", 0.9, 4, 1600, high=1.8))


def run_folder(folder: Path, **changed: Any) -> Path:
    """A run with a validation.json in which `loser` is best on test and worst on validation."""

    def entry(name: str, test: float, validation: float, kb: float, high: float) -> dict[str, Any]:
        loss = {"points": 0.0, "low": 0.0, "high": high, "n": 196}
        return {
            "name": name,
            "accuracy": {"value": test},
            "validation_accuracy": {"value": validation},
            "validation_paired_loss": loss,
            "sha256": name,
            "ms": {"median": 4.0, "p95": 5.0},
            "timings": [{"threads": 1, "kernels": "default", "median": 4.0, "p95": 5.0, "n": 100}],
            "kb": kb,
        }

    rows = [
        entry("float32", 0.9, 0.9, 1000, 0),
        entry("loser", 0.99, 0.5, 990, 45),
        entry("winner", 0.8, 0.9, 900, 1.8),
    ]
    folder.mkdir()
    here = {"latencies": {"source": "this workstation"}, "reference": "float32"}
    content = {"task": "classification", **here, "rows": rows} | changed
    (folder / "validation.json").write_text(json.dumps(content))
    return folder


def test_the_printed_table_of_the_study_comes_out_to_two_decimals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["select", "--table", str(PAPER), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [round(each["L_paper"], 2) for each in told["rows"]] == [0.00, 0.21, 19.31, 19.44, -0.50]
    assert [round(each["L"], 2) for each in told["rows"]] == [0.00, 0.39, 19.31, 19.44, -0.50]
    assert (told["choice"], told["baseline"]) == ("float16", "float32")
    assert told["front"] == ["dynamic range", "int8", "float16"]


def test_a_person_sees_the_same_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["select", "--table", str(PAPER)]) == 0
    told = capsys.readouterr().out
    assert "→ float16 *" in told
    for value in ("0.21", "19.31", "19.44", "-0.50"):
        assert value in told


def test_the_validation_pictures_choose_and_the_test_pictures_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_folder(tmp_path / "run")
    assert main(["select", str(run), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["choice"] == "winner"
    assert json.loads((run / "selection.json").read_text()) == told


def test_the_times_of_a_target_can_be_tried_without_measuring_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, target = run_folder(tmp_path / "run"), tmp_path / "pi.json"
    before = (run / "validation.json").read_bytes()
    target.write_text(json.dumps({"machine": "a Pi", "ratios": {"float32": 1, "loser": 0.1, "winner": 2}}))
    assert main(["select", str(run), "--latencies", str(target), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["choice"] == "loser"
    assert told["latencies"] == {"source": {"file": "pi.json", "machine": "a Pi"}}
    assert told["reason"].endswith(" The times are those of a Pi (pi.json).")
    assert (run / "validation.json").read_bytes() == before
    target.write_text(json.dumps({"machine": "a Pi", "ratios": {"float32": 1}}))
    assert main(["select", str(run), "--latencies", str(target)]) == 2
    assert "nothing about loser, winner" in capsys.readouterr().err


def test_what_the_folds_say_is_shown_and_decides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_folder(tmp_path / "run")
    lost = {"points": 0.1, "low": -0.5, "high": 0.7, "n": 2000}
    rows = {"winner": {"paired_loss": lost}, "loser": {"paired_loss": lost | {"points": -9.0}}}
    (run / "folds.json").write_text(json.dumps({"folds": 5, "rows": rows}))
    assert main(["select", str(run)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    said = "Over 5 folds, which chose nothing, winner lost 0.10 points against float32 on 2000 pictures"
    assert said in told
    assert json.loads((run / "selection.json").read_text())["cross_validated"].startswith(said)


def test_another_baseline_changes_the_objective_and_not_the_gate(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run")
    assert main(["select", str(run), "--baseline", "winner", "--max-loss", "2"]) == 0
    told = json.loads((run / "selection.json").read_text())
    assert [each["L"] for each in told["rows"]][2] == 0.0
    assert [bool(each["refused"]) for each in told["rows"]] == [False, True, False]


def test_the_gate_holds_the_upper_bound_of_the_loss_not_its_middle() -> None:
    assert choose(ROWS, ACCURACY, Gates()).chosen.name == "int8"
    assert choose(ROWS, ACCURACY, Gates(max_loss=2.0)).chosen.name == "float16"
    assert choose(ROWS, ACCURACY, Gates(max_loss=1.0)).chosen.name == "float32"


def test_the_gates_hold_p95_and_size() -> None:
    assert choose(ROWS, ACCURACY, Gates(max_p95=8.5)).chosen.name == "float16"
    assert choose(ROWS, ACCURACY, Gates(max_kb=1000)).chosen.name == "int8"
    with pytest.raises(UsageError, match=r"none passes the gates \(float32: 3200 kB, more than 800; int8: 900 kB"):
        choose(ROWS, ACCURACY, Gates(max_kb=800))


def test_the_reason_says_gain_cost_and_what_the_gates_removed() -> None:
    assert reason(choose(ROWS, ACCURACY, Gates())) == (
        "int8 has the lowest L (-0.58) against float32: 72% smaller (900 against 3200 kB), 1.12 times as slow "
        "(4.5 against 4 ms), at a loss of 1.00 points of accuracy (against float32 on the same 196 validation "
        "pictures, 95 % interval of the loss 0.00 to 2.50)."
    )
    gated = reason(choose(ROWS, ACCURACY, Gates(max_loss=1.0)))
    assert gated.startswith("float32 stays: no other file has a lower L among those that pass the gates; the gates")
    assert "int8 (loses up to 2.50, more than 1)" in gated
    assert gated.endswith("196 pictures are too few to show a loss of no more than 1 for int8, float16.")


def test_points_are_those_of_the_pictures_and_not_of_rounded_shares() -> None:
    """2 of 105 pictures are 1.90 points; their shares, each rounded, differ by 1.91."""
    rows = (row("float32", 0.9048, 4, 3200), row("int8", 0.8857, 4, 900, high=6.0, points=1.9048))
    assert "at a loss of 1.90 points" in reason(choose(rows, ACCURACY, Gates()))


def test_a_loss_against_another_baseline_is_told_beside_that_against_float32() -> None:
    half = row("float16", 0.895, 4, 1600, high=1.8, points=0.5)
    said = reason(choose((FLOAT32, ROWS[1], half), ACCURACY, Gates(), "float16"))
    assert "at a loss of 0.50 points of accuracy (at a loss of 1.00 points against float32 on the same 196 " in said
    assert "of 1.00 points against" not in reason(choose((FLOAT32, ROWS[1], half), ACCURACY, Gates()))


def test_files_that_nobody_measured_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_folder(tmp_path / "run")
    (run / "figures.json").write_text(json.dumps({"recipes": {"winner": {}, "int16x8": {}}}))
    assert main(["select", str(run), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unmeasured"] == ["int16x8"]
    assert "Not measured, so not judged: int16x8;" in told["reason"]


def test_no_row_that_passes_is_a_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["select", "--table", str(PAPER), "--max-kb", "10"]) == 2
    assert "none passes the gates" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "neither or both"),
        (["run", "--table", "t.csv"], "neither or both"),
        (["--table", "nowhere.csv"], "No such file"),
        (["--table", str(PAPER), "--latencies", "pi.json"], "--latencies with --table"),
        (["--table", str(PAPER), "--baseline", "nobody"], "no row 'nobody'"),
        (["--table", str(PAPER), "--max-kb", "-1"], "--max-kb -1"),
        (["--table", str(PAPER), "--max-p95", "nan"], "--max-p95 nan"),
        (["nowhere"], "reading nowhere/validation.json"),
    ],
)
def test_bad_input_is_refused(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["select", *argv]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("changed", [{"rows": [{"name": "a"}]}, {"rows": 3}, {"rows": []}])
def test_a_damaged_validation_is_refused(
    changed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_folder(tmp_path / "run", **changed)
    assert main(["select", str(run)]) == 2
    assert not (run / "selection.json").exists()
    assert "modelworks: " in capsys.readouterr().err


value = st.integers(1, 5).map(float)
contenders = st.lists(st.tuples(value, value, value, value), min_size=1, max_size=7).map(
    lambda rows: [row(f"file{number}", *each) for number, each in enumerate(rows)]
)


@given(contenders, st.randoms(), st.one_of(st.none(), value))
def test_the_choice_is_on_the_front_and_depends_on_no_order(rows: list[Row], random: Any, most: float | None) -> None:
    gates = Gates(max_loss=most)
    if all(each.refused_by(gates) for each in rows):
        with pytest.raises(UsageError):
            choose(rows, ACCURACY, gates)
        return
    choice = choose(rows, ACCURACY, gates, "file0")
    mixed = list(rows)
    random.shuffle(mixed)
    assert choose(mixed, ACCURACY, gates, "file0").chosen == choice.chosen
    assert choice.chosen.name in choice.front
    assert not choice.chosen.refused_by(gates)
