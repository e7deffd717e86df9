"""`appliance bench` prints what the workstation reads. (Measurements are in docs/figures.md: no timed tests here.)"""

import json
from pathlib import Path

from support import ROOT, ConfigFile, appliance

QUICK = ("--rounds", "2", "--block", "5")


def test_the_json_has_the_promised_shape(config_file: ConfigFile) -> None:
    done = appliance("bench", "-c", str(config_file.path), *QUICK, "--starts", "1", "--json")

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {"machine", "versions", "threads", "temperature", "models", "start_ms"} <= set(result)
    (model,) = result["models"]
    assert {"digest", "rounds", "invoke_ms", "path_ms", "ratio", "stages", "pss_peak_kb"} <= set(model)
    assert set(model["invoke_ms"]) == set(model["path_ms"]) == {"p50", "p95", "p99"}
    assert set(model["ratio"]) == {"p50", "spread"}
    assert model["rounds"] == 2
    # The path contains an invoke of the same network: it cannot be the shorter one by far.
    assert model["path_ms"]["p50"] > 0.5 * model["invoke_ms"]["p50"] > 0
    assert result["start_ms"] > 0
    assert result["frames"]["distinct"] >= 64


def test_several_models_a_bare_file_among_them(config_file: ConfigFile) -> None:
    named = [ROOT / "models" / "chamber5", ROOT / "models" / "chamber5" / "model.tflite"]
    options = [part for path in named for part in ("--model", str(path))]
    done = appliance("bench", "-c", str(config_file.path), *QUICK, "--starts", "0", *options)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("B / A, per round") == 2


def test_too_few_frames_are_refused(config_file: ConfigFile, tmp_path: Path) -> None:
    for path in sorted((ROOT / "pictures" / "chamber").rglob("*.jpg"))[:3]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    done = appliance("bench", "-c", str(config_file.path), *QUICK, "--frames-from", str(tmp_path))

    assert done.returncode == 2
    assert "3 distinct frames, at least 64 are needed" in done.stderr
