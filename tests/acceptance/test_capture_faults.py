"""Hundreds of faults of each kind: 0 decisions on them, sorting again within seconds. Prints what it measured."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from capture_faults import FAULTS
from support import ROOT

FAULTS_OF_A_KIND = int(os.environ.get("CAPTURE_FAULTS", "200"))
BACK_S = 5.0
AT_ONCE = int(os.environ.get("CAPTURE_FAULTS_AT_ONCE", "4"))
COLUMNS = [
    "fault",
    "faults",
    "decisions",
    "on-fault",
    "p50-s",
    "p99-s",
    "max-s",
    "stalls",
    "restarts",
    "stale",
    "corrupt",
    "seconds",
]


def hundreds(kind: str, folder: Path) -> dict[str, Any]:
    """All faults of one kind, on a loop in a process of its own."""
    folder.mkdir()
    command = [sys.executable, "-m", "capture_faults", kind, str(FAULTS_OF_A_KIND), str(folder)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    began = time.monotonic()
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"kind": kind, "broke": done.stderr[-1500:]}
    return {**json.loads(done.stdout), "seconds": time.monotonic() - began}


def show(one: dict[str, Any]) -> None:
    if "broke" in one:
        print(f"{one['kind']:>9} broke: {one['broke']}", flush=True)
        return
    back_s = one["back_s"]
    times = [f"{value:.2f}" for value in (*np.percentile(back_s, (50, 99)), max(back_s))]
    counts = [one["snapshot"][name] for name in ("stalls", "restarts", "stale", "corrupt")]
    row = [one["kind"], len(back_s), one["decisions"], len(one["sins"]), *times, *counts, round(one["seconds"])]
    print(" ".join(f"{value!s:>9}" for value in row), flush=True)


def test_hundreds_of_faults(tmp_path: Path) -> None:
    print("\n" + " ".join(f"{name:>9}" for name in COLUMNS), flush=True)
    results: list[dict[str, Any]] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in as_completed([pool.submit(hundreds, kind, tmp_path / kind) for kind in FAULTS]):
            results.append(done.result())
            show(results[-1])
    assert [one["kind"] for one in results if "broke" in one] == []
    assert {one["kind"]: one["sins"] for one in results if one["sins"]} == {}
    assert {one["kind"]: max(one["back_s"]) for one in results if max(one["back_s"]) >= BACK_S} == {}
    assert {len(one["back_s"]) for one in results} == {FAULTS_OF_A_KIND}
