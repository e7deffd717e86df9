"""The memory of a file is that of a process that does nothing else, however large the one that asks."""

from pathlib import Path

import numpy as np
import pytest

from appliance.errors import ModelError
from modelworks.footprint import peak_memory_kb

MODELS = Path(__file__).parents[2] / "models"


def test_the_size_of_the_process_that_asks_does_not_count() -> None:
    """getrusage would report it: its maximum survives exec."""
    ballast = np.ones(60_000_000)
    small = peak_memory_kb(MODELS / "chamber5" / "model.tflite")
    assert ballast.nbytes / 1000 > 3 * small > 30_000


def test_a_file_that_is_none_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"TFL3 and no more")
    with pytest.raises(ModelError, match=r"running bad\.tflite in a child process"):
        peak_memory_kb(tmp_path / "bad.tflite")
