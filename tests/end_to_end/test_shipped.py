"""What the README promises: the shipped pictures, the shipped model, a far end, and two logs that agree."""

import json
from collections import Counter
from pathlib import Path

from support import ROOT, ConfigFile, appliance

from appliance.history import EXPORT_COLUMNS, open_history
from appliance.twin import read_log

PICTURES = sorted((ROOT / "pictures" / "chamber").rglob("*.jpg"))
BIN_OF = {
    "aluminium-can": "cans",
    "steel-can": "cans",
    "glass-bottle": "glass",
    "hdpe-bottle": "plastic",
    "pet-bottle": "plastic",
    "empty": "nothing",
}
CHANNEL_OF = {"rest": 0, "cans": 1, "glass": 2, "plastic": 3}


def test_the_shipped_pictures_are_sorted_right_and_both_logs_agree(config_file: ConfigFile) -> None:
    done = appliance("run", "-c", str(config_file.path), "--twin", "--json")

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    with open_history(config_file.state_dir) as history:
        rows = list(history.items(run_id=summary["run_id"]))
    # Every picture is exactly one item, in order.
    assert sorted(row["source"] for row in rows) == [
        path.relative_to(ROOT / "pictures" / "chamber").as_posix() for path in PICTURES
    ]
    # Every movement is exactly one command, on the channel of its bin.
    log = read_log(config_file.state_dir / "twin.jsonl")
    commanded = {row["seq"]: CHANNEL_OF[row["bin"]] for row in rows if row["seq"] is not None}
    assert {record["seq"]: record["channel"] for record in log} == commanded
    assert len(log) == len(commanded)
    assert summary["far_end"] == {
        "commands": len(log), "logged": len(log), "moved": len(log), "agrees": True, "contradictions": [],
    }  # fmt: skip
    # What was decided went into the right bin, and the model is as good as it says.
    wrong = [row for row in rows if row["outcome"] == "sorted" and row["bin"] != BIN_OF[row["source"].split("/")[0]]]
    assert len(wrong) <= 0.02 * len(rows), wrong
    assert summary["accuracy"]["n"] == len(PICTURES)
    assert summary["accuracy"]["top1"] >= 0.97
    assert Counter(row["outcome"] for row in rows) == Counter(
        {name: summary[name] for name in ("sorted", "rejected") if summary[name]}
    )


def test_the_summary_has_the_promised_keys(config_file: ConfigFile) -> None:
    done = appliance("run", "-c", str(config_file.path), "--twin", "--json", "--items", "5")
    summary = json.loads(done.stdout.splitlines()[-1])

    assert {
        "items", "sorted", "rejected", "missed", "failed", "uncertain", "frames", "dropped", "skipped", "latency_ms",
        "model", "accuracy",
    } <= set(summary)  # fmt: skip
    assert set(summary["latency_ms"]) == {"p50", "p95", "p99", "max"}
    assert set(summary["accuracy"]) == {"n", "top1", "decided", "coverage"}
    assert summary["items"] == 5


def test_the_export_has_a_row_an_item_in_csv_and_jsonl(config_file: ConfigFile, tmp_path: Path) -> None:
    appliance("run", "-c", str(config_file.path), "--twin", "--json", "--items", "7")
    as_csv = appliance("history", "export", "--format", "csv", "-c", str(config_file.path))
    out = tmp_path / "items.jsonl"
    as_jsonl = appliance("history", "export", "--format", "jsonl", "-o", str(out), "-c", str(config_file.path))

    header, *rows = as_csv.stdout.strip().splitlines()
    assert tuple(header.split(",")) == EXPORT_COLUMNS
    assert len(rows) == 7
    assert as_jsonl.returncode == 0
    parsed = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["source"] for row in parsed] == [row.split(",")[2] for row in rows]


def test_a_video_file_needs_nothing_but_the_configuration(config_file: ConfigFile, tmp_path: Path) -> None:
    import cv2

    video = tmp_path / "belt.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 25, (256, 256))
    shown = PICTURES[::12]
    for path in shown:
        writer.write(cv2.imread(str(path)))
    writer.release()
    config_file.change(camera={"kind": "opencv", "file": str(video)})
    done = appliance("run", "-c", str(config_file.path), "--twin", "--json")

    summary = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, summary["items"], summary["far_end"]["agrees"]) == (0, len(shown), True)
    assert summary["sorted"] >= 0.8 * len(shown)
