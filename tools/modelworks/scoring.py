"""What every file says of every picture: each picture is decoded once, and shown to all files.

The pictures go through in pieces, so memory does not grow with their number. A piece is shared among workers, each
with an interpreter of one thread: reference kernels and int16x8 use no second thread of their own.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from appliance.errors import ModelError
from appliance.preprocess import Preprocessing
from appliance.records import Pixels
from modelworks.dataset import Picture, decode_all
from modelworks.litert import LiteModel
from modelworks.task import Outputs

__all__ = ["score_pictures"]

PIECE = 64


def score_pictures(
    files: Mapping[str, Path],
    folder: Path,
    pictures: Sequence[Picture],
    spec: Preprocessing,
    workers: int,
    done: Callable[[str, int], None],
) -> dict[str, Outputs]:
    """Each file's outputs for `pictures`, in their order; `done(name, n)` hears of every n that a file has seen.

    Raises:
        UsageError: a picture cannot be read.
        ModelError: a file cannot be loaded, wants an input that the machine cannot feed, or says NaN.
    """
    models = {name: [LiteModel(path, threads=1) for _ in range(workers)] for name, path in files.items()}
    pieces: dict[str, list[Outputs]] = {name: [] for name in files}
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(pictures), PIECE):
            decoded = decode_all(folder, pictures[start : start + PIECE])
            for name, own in models.items():
                pieces[name].append(_scored(pool, own, decoded, spec))
                if not np.isfinite(pieces[name][-1]).all():
                    raise ModelError(f"running {files[name].name}", "it says NaN", "leave it out with --recipe")
                done(name, len(decoded))
    return {name: np.concatenate(each) for name, each in pieces.items()}


def _scored(
    pool: ThreadPoolExecutor, models: Sequence[LiteModel], decoded: Sequence[Pixels], spec: Preprocessing
) -> Outputs:
    """A piece of the pictures, in their order, whichever worker saw them."""
    share = -(-len(decoded) // len(models))
    parts = [decoded[start : start + share] for start in range(0, len(decoded), share)]
    told = list(pool.map(lambda model, part: model.scores(part, spec), models, parts))
    return np.concatenate(told).reshape(len(decoded), -1)
