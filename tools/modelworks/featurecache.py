"""What a network says of views of pictures, computed once and kept on disk.

Frozen layers and a teacher say the same of the same view every time. A part of the cache is one array of rows with the
hashes of its pictures beside it, under a key of everything else that decides the rows; so nothing has to be declared
out of date, another training finds what it shares with this one, and the whole folder may be deleted at any time.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import StorageError
from appliance.files import write_power_safe
from appliance.preprocess import Preprocessing
from appliance.records import Pixels
from modelworks.augment import Augmentation
from modelworks.batches import key_of, view_inputs
from modelworks.dataset import Picture

__all__ = ["FeatureCache", "Views"]

CHUNK = 32
"""Pictures shown to the network at once."""
KEPT_AT_ONCE = 4 * CHUNK
"""Pictures in a part: so much memory is needed, and so little is lost when the power goes."""
MAKERS = ("tensorflow", "ai-edge-litert", "numpy", "opencv-python-headless")
FORMAT = 3
"""Higher whenever the same arguments make other rows: after a change in augmentation or preprocessing."""
ROOM = "make room, or name another place with --cache DIR; the training goes on when the command is given again"


@dataclass(frozen=True, slots=True)
class Views:
    """How views of pictures are made: `view_inputs` takes these."""

    spec: Preprocessing
    plan: Augmentation
    seed: int


class FeatureCache:
    """Rows for views of pictures, of one network (`digest` names its weights and the layer that speaks).

    `behind`: the cache of an earlier layer, whose rows `speak` is given in place of the views themselves.
    """

    def __init__(
        self,
        folder: Path,
        digest: str,
        views: Views,
        speak: Callable[[NDArray[Any]], NDArray[Any]],
        behind: "FeatureCache | None" = None,
    ) -> None:
        made_by = {name: version(name) for name in MAKERS} | {"format": FORMAT}
        parts = [behind.key, digest] if behind else digest
        made = json.dumps({"network": parts, "views": asdict(views), "by": made_by}, sort_keys=True)
        self.key: str = hashlib.sha256(made.encode()).hexdigest()[:24]
        self._folder = folder / self.key
        self._views = views
        self._speak = speak
        self._behind = behind
        self._rows: dict[int, dict[str, tuple[NDArray[np.float16], int]]] = {}

    def prepare(
        self,
        pictures: Sequence[Picture],
        pixels: Sequence[Pixels],
        view: int,
        advance: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Make sure that a view of these pictures is there; `advance` hears of every few pictures done.

        Raises:
            StorageError: the disk is full or read-only; what is there already stays.
        """
        known = self._known(view)
        missing = [number for number, picture in enumerate(pictures) if picture.sha256 not in known]
        advance(len(pictures) - len(missing))
        for begin in range(0, len(missing), KEPT_AT_ONCE):
            part, rows = missing[begin : begin + KEPT_AT_ONCE], []
            if self._behind:
                self._behind.prepare([pictures[n] for n in part], [pixels[n] for n in part], view)
            for start in range(0, len(part), CHUNK):
                some = part[start : start + CHUNK]
                rows.append(self._compute([pictures[n] for n in some], [pixels[n] for n in some], view))
                advance(len(some))
            self._keep(view, [pictures[number].sha256 for number in part], np.concatenate(rows))
        if self._behind:
            self._behind.close(view)

    def close(self, view: int) -> None:
        """Let go of a view's files, which count as open; `prepare` opens them again."""
        self._rows.pop(view, None)

    def rows(self, pictures: Sequence[Picture], views: Sequence[int]) -> NDArray[np.float32]:
        """The rows of prepared views, shape (n, ...)."""
        found = (self._rows[view][picture.sha256] for picture, view in zip(pictures, views, strict=True))
        return np.stack([part[place] for part, place in found]).astype(np.float32)

    def _compute(self, pictures: Sequence[Picture], pixels: Sequence[Pixels], view: int) -> NDArray[np.float16]:
        if self._behind:
            return np.asarray(self._speak(self._behind.rows(pictures, [view] * len(pictures))), np.float16)
        keys, how = [key_of(picture.sha256) for picture in pictures], self._views
        inputs = view_inputs(pixels, keys, [view] * len(keys), how.spec, how.plan, how.seed)
        return np.asarray(self._speak(inputs), np.float16)

    def _known(self, view: int) -> dict[str, tuple[NDArray[np.float16], int]]:
        """Where each picture's row is, as far as parts are readable: an unreadable one is computed again."""
        if view not in self._rows:
            self._rows[view] = {}
            for listing in sorted((self._folder / str(view)).glob("*.json")):
                self._take(view, listing)
        return self._rows[view]

    def _take(self, view: int, listing: Path) -> None:
        try:
            hashes = json.loads(listing.read_bytes())
            part = np.load(listing.with_suffix(".npy"), mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return
        if len(part) == len(hashes):
            self._rows[view].update({sha256: (part, place) for place, sha256 in enumerate(hashes)})

    def _keep(self, view: int, hashes: Sequence[str], rows: NDArray[np.float16]) -> None:
        """Write a part; its listing comes last, so that a power cut leaves none that lists what is not there."""
        listing = self._folder / str(view) / f"{hashlib.sha256(''.join(hashes).encode()).hexdigest()[:24]}.json"
        content = BytesIO()
        np.save(content, rows)
        try:
            listing.parent.mkdir(parents=True, exist_ok=True)
            write_power_safe(listing.with_suffix(".npy"), content.getvalue())
            write_power_safe(listing, json.dumps(list(hashes)).encode())
        except OSError as error:
            raise StorageError(f"keeping features in {listing.parent}", str(error), ROOM) from error
        self._take(view, listing)
