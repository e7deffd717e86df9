"""Stalls, hangs, old and frozen pictures, crashes: nothing is decided on them, and sorting goes on by itself.

A few of each; `make acceptance` does hundreds.
"""

import random
import time
from pathlib import Path

import pytest
from capture_faults import CAMERA, FAULTS, Done, Rig, rig
from support import wait_for

from appliance.errors import CameraError

BACK_S = 5.0


@pytest.mark.parametrize("kind", FAULTS)
def test_nothing_is_decided_on_a_fault_and_sorting_goes_on(kind: str, tmp_path: Path) -> None:
    done: list[Done] = []

    def author(one: Rig) -> None:
        wait_for(lambda: len(one.decided) > 5)
        done.extend(one.suffer(kind, random.uniform(0.05, 0.8)) for _ in range(3))

    with rig(tmp_path, author, **CAMERA) as (one, snapshot):
        assert one.sins() == []
        assert len(done) == 3
        assert max(fault.back_s for fault in done) < BACK_S
        if kind in ("killed", "crash"):
            assert snapshot.restarts >= 2
        if kind in ("frozen", "old"):
            assert snapshot.stale > 0
        if kind == "corrupt":
            assert snapshot.corrupt > 0


@pytest.mark.parametrize("kind", ["hang", "gone", "frozen"])
def test_a_fault_that_lasts_ends_the_run_with_the_cameras_error(kind: str, tmp_path: Path) -> None:
    def author(one: Rig) -> None:
        wait_for(lambda: len(one.decided) > 5)
        one.order(kind)
        assert one.stop.wait(20)

    began = time.monotonic()
    options = {**CAMERA, "recovery_s": 1.0}
    with pytest.raises(CameraError, match="SIMULATED") as ended, rig(tmp_path, author, **options):
        pass
    assert ended.value.exit_code == 10
    assert time.monotonic() - began < 15
