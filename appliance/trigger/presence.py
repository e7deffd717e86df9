"""Items out of a stream: something is in the region that does not belong to the background.

The background is learned from empty pictures and frozen while something is there. The region is empty again with the
first picture that shows nothing but the background, so a gap of one picture parts two items. See docs/presence.md.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from appliance.config import Options
from appliance.preprocess import Region
from appliance.records import Frame, Item, TriggerEvent
from appliance.trigger import TriggerStatus
from appliance.trigger.background import Background, Cells, Look, cells_of, moved, smallest_outline
from appliance.trigger.stay import Stay, Terms, View

__all__ = ["Presence", "PresenceOptions"]

log = logging.getLogger(__name__)

_GAP_NS = 2_000_000_000
"""After so long without a picture, something that looks otherwise is another item."""
_COUNTED = ("items", "unsettled", "merged", "unseen_start", "interrupted", "faint", "unlit", "jams")


class PresenceOptions(Options):
    """When something counts as an item, and how long it may take.

    `contrast` is the smallest jump of light (natural logarithm of the ratio) that is an edge, `smallest` the share of
    the region that the smallest item covers. `still`: only pictures in which nothing moves are good; false for a belt
    that never stops. `decide_after_ms` is how long good pictures are offered, `clear_after_ms` how much longer the item
    may lie there before that is a jam.
    """

    kind: Literal["presence"]
    decide_after_ms: Annotated[int, Field(ge=1, le=60_000)] = 1000
    clear_after_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 5000
    still: bool = True
    contrast: Annotated[float, Field(ge=0.02, le=1.0)] = 0.12
    smallest: Annotated[float, Field(ge=0.0005, le=0.5)] = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    frame: Frame
    cells: Cells

    @property
    def moment_ns(self) -> int:
        return self.frame.moment_ns


class Presence:
    """Sees pixels and times only. What it could not tell it counts:

    `unsettled` items never had a good picture; `merged` ones came and went beside another; `unseen_start` ones lay
    there when the background was learned, and were known only by their leaving; `interrupted`: the pictures stopped,
    and afterwards there was something else; `faint` pictures show something too small for an item; `unlit` ones cannot
    be judged.
    """

    Options = PresenceOptions

    def __init__(self, options: PresenceOptions, new_id: Callable[[], str], region: Region | None = None) -> None:
        self._options, self._new_id, self._region = options, new_id, region
        self._background: Background | None = None
        self._before: _Seen
        self._stay: Stay | None = None
        self._counts: Counter[str] = Counter()
        self._events: list[TriggerEvent] = []
        self._trouble = ""
        self._faint_ns: int | None = None

    def feed(self, frame: Frame) -> list[Item]:
        seen = _Seen(frame, cells_of(self._region.of(frame.pixels) if self._region else frame.pixels))
        background = self._background
        if background is None or background.shape != seen.cells.shape:
            # Until it is proven otherwise, the first picture, or the first of another size, is an empty region.
            offers = self._end_stay(frame.moment_ns)
            self._learn_anew(seen)
        else:
            look = background.look(seen.cells)
            offers = self._unjudged() if look.unlit else self._judge(background, look, seen)
        self._watch_for_a_jam(frame.moment_ns)
        return offers

    def flush(self) -> list[Item]:
        return self._end_stay(None)

    def events(self) -> Sequence[TriggerEvent]:
        told, self._events = self._events, []
        return told

    def status(self) -> TriggerStatus:
        empty = self._background is not None and self._stay is None and self._faint_ns is None
        return TriggerStatus(self._trouble, {name: self._counts[name] for name in _COUNTED}, empty)

    def _unjudged(self) -> list[Item]:
        self._counts["unlit"] += 1
        return []

    def _judge(self, background: Background, look: Look, seen: _Seen) -> list[Item]:
        before, self._before = self._before, seen
        offers = self._after_a_gap(before, seen)
        outline = smallest_outline(background.shape, self._options.smallest)
        if self._stay is not None:
            if look.gone:
                # It lay there when the background was learned, and was seen to move before it left.
                self._learn_anew(seen)
                return offers + self._end_stay(seen.moment_ns)
            if look.edges < outline / 2:
                background.proven = True
                return offers + self._end_stay(seen.moment_ns)
            return offers + self._go_on(background, self._stay, before, seen)
        if look.edges < outline:
            self._learn(background, look.edges >= outline / 2, seen)
            return offers
        if look.gone:
            return offers + self._known_by_leaving(before, seen)
        return offers + self._open(background, seen)

    # An item

    def _open(self, background: Background, seen: _Seen) -> list[Item]:
        terms = Terms(
            self._options.decide_after_ms * 1_000_000,
            self._options.clear_after_ms * 1_000_000,
            self._options.still,
            self._options.smallest * seen.cells.shape[0] * seen.cells.shape[1],
        )
        self._stay = Stay(self._new_id(), seen.moment_ns, terms)
        self._counts["items"] += 1
        log.debug("item %s comes in", self._stay.item_id)
        # It was not there in the picture before: however little of it shows, it has moved.
        return self._stay.see(View(seen.frame, seen.cells, background.foreground(seen.cells), still=False))

    def _go_on(self, background: Background, stay: Stay, before: _Seen, seen: _Seen) -> list[Item]:
        still = not moved(seen.cells, before.cells)
        offers = stay.see(View(seen.frame, seen.cells, background.foreground(seen.cells), still))
        if stay.replaced:
            offers += self._end_stay(seen.moment_ns) + self._open(background, seen)
        return offers

    def _known_by_leaving(self, before: _Seen, seen: _Seen) -> list[Item]:
        """What was taken for the background has left: it was an item, and the picture before this is its last."""
        self._learn_anew(seen)
        self._counts.update(("items", "unseen_start"))
        return [Item(self._new_id(), (before.frame,))]

    def _after_a_gap(self, before: _Seen, seen: _Seen) -> list[Item]:
        """Nobody looked for a while: what looks otherwise now is another item."""
        if self._stay is None or seen.moment_ns - before.moment_ns < _GAP_NS or not moved(seen.cells, before.cells):
            return []
        self._counts["interrupted"] += 1
        return self._end_stay(seen.moment_ns)

    def _end_stay(self, now_ns: int | None) -> list[Item]:
        """The item's last offer, if one is left; `now_ns` is None when the stream ends with the item still there."""
        stay, self._stay = self._stay, None
        if stay is None:
            return []
        offers = stay.end()
        self._counts["merged"] += stay.merged
        self._counts["unsettled"] += not stay.settled
        if self._trouble and now_ns is not None:
            self._events.append(TriggerEvent("jam-over", now_ns, stay.item_id))
        self._trouble = ""
        return offers

    def _watch_for_a_jam(self, now_ns: int) -> None:
        stay = self._stay
        if stay is None or self._trouble or not stay.in_the_way(now_ns):
            return
        after_s = self._options.clear_after_ms / 1e3
        self._trouble = f"jam: something lies in the region {after_s:g} s after it was decided"
        self._counts["jams"] += 1
        self._events.append(TriggerEvent("jam", now_ns, stay.item_id, self._trouble))

    # The background

    def _learn_anew(self, seen: _Seen) -> None:
        self._background, self._before = Background(seen.cells, self._options.contrast), seen
        self._faint_ns = None

    def _learn(self, background: Background, faint: bool, seen: _Seen) -> None:
        """Something faint may be an item on its way in: it becomes background only if it stays."""
        if not faint:
            self._faint_ns = None
        else:
            self._counts["faint"] += 1
            self._faint_ns = seen.moment_ns if self._faint_ns is None else self._faint_ns
            if seen.moment_ns - self._faint_ns < self._options.clear_after_ms * 1_000_000:
                return
        background.learn(seen.cells)
