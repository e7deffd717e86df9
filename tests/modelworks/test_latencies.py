"""The target's times are found by the file's hash or by ratio, and whatever is missing is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import UsageError
from modelworks.latencies import Workstation, read_latencies
from modelworks.quantrecipes import RECIPES
from modelworks.timing import Timing

DIGESTS = {"float32": "a" * 64, "int8-io": "b" * 64}
OWN = {"float32": Timing(2, "default", 4.0, 6.0, 100), "int8-io": Timing(2, "default", 5.0, 7.0, 100)}
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "pi4-like.json"


def bench(**times: Any) -> dict[str, Any]:
    """What `appliance bench --json` prints, as far as it is read."""
    models = [
        {"digest": DIGESTS[name.replace("_", "-")], "invoke_ms": {"p50": ms, "p95": ms * 2, "p99": ms * 3}}
        for name, ms in times.items()
    ]
    return {"machine": "Raspberry Pi 4 Model B", "threads": 4, "models": models}


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_workstation_s_times_are_its_own() -> None:
    assert Workstation().times(OWN) == OWN


def test_a_bench_of_the_target_is_matched_by_the_files_hashes(tmp_path: Path) -> None:
    found = read_latencies(written(tmp_path / "pi.json", bench(int8_io=24.0, float32=77.0)), DIGESTS, "float32")
    assert found.source == {"file": "pi.json", "machine": "Raspberry Pi 4 Model B"}
    assert found.times(OWN) == {
        "float32": Timing(4, "default", 77.0, 154.0, 0),
        "int8-io": Timing(4, "default", 24.0, 48.0, 0),
    }


def test_ratios_scale_the_reference_s_time_here(tmp_path: Path) -> None:
    content = {"machine": "a Pi", "ratios": {"float32": 2.0, "int8-io": 0.5, "other": 1}}
    times = read_latencies(written(tmp_path / "r.json", content), DIGESTS, "float32").times(OWN)
    assert {name: (each.median, each.p95) for name, each in times.items()} == {
        "float32": (4.0, 6.0),
        "int8-io": (1.0, 1.5),
    }


def test_the_shipped_example_knows_every_recipe_and_says_that_it_is_not_measured() -> None:
    found = read_latencies(EXAMPLE, dict.fromkeys(RECIPES, "c" * 64), "float32")
    assert isinstance(found.source, dict)
    assert "NOT measured by us" in found.source["machine"]
    assert found.times(OWN)["int8-io"].median == pytest.approx(0.31 * 4.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bench(float32=1.0), "nothing about int8-io"),
        ({"ratios": {"int8-io": 0.3}}, "nothing about float32"),
        ({"ratios": {"float32": 1, "int8-io": 0}}, "int8-io: '0' is no time"),
        ({"ratios": {"float32": 1, "int8-io": True}}, "int8-io: 'True' is no time"),
        ('{"ratios": {"float32": 1, "int8-io": NaN}}', "int8-io: 'nan' is no time"),
        (bench(float32=1.0, int8_io="fast"), "p50: 'fast' is no time"),
        ({"models": [{}], "threads": 1}, "not what `appliance bench --json` prints"),
        ({"models": []}, "not what `appliance bench --json` prints"),
        ({"models": [{"digest": [], "invoke_ms": 1}], "threads": 1}, "not what `appliance bench --json` prints"),
        ([], "neither `models` nor `ratios`"),
        ("{", "reading the latencies"),
    ],
)
def test_what_does_not_fit_is_refused(content: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reading the latencies") as caught:
        read_latencies(written(tmp_path / "f.json", content), DIGESTS, "float32")
    assert said in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reading the latencies"):
        read_latencies(tmp_path / "none.json", DIGESTS, "float32")
