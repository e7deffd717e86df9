"""One item's stay in the region: which of its pictures are offered, and what else comes to lie beside it. Pure.

A picture is good when the item lies still in it and is wholly visible. Good pictures are offered as they come; if there
is none in time, the best of the others is the item's last and only offer.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from appliance.records import Frame, Item
from appliance.trigger.background import Cells, Marks, slack_of, things

__all__ = ["Stay", "Terms", "View"]

_UNCHANGED, _MOSTLY, _HARDLY = 0.15, 0.6, 0.3
"""Shares of an item's cells: so few may have changed for it to lie where it lay; so many are there; so few are left."""
_NEIGHBOUR = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Terms:
    """An item is offered for `decide_after_ns`, and in the way `clear_after_ns` later.

    `still`: only pictures in which nothing moves are good. `smallest` is how many cells the smallest item covers.
    """

    decide_after_ns: int
    clear_after_ns: int
    still: bool
    smallest: float


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A frame with an item: its cells, which of them show things, and whether nothing moved since the one before."""

    frame: Frame
    cells: Cells
    marks: Marks
    still: bool

    @property
    def whole(self) -> bool:
        """Does nothing reach the region's border?"""
        edges = (self.marks[0], self.marks[-1], self.marks[:, 0], self.marks[:, -1])
        return not any(bool(edge.any()) for edge in edges)


class Stay:
    """Follows one item from its first picture until the region is empty, or until another lies in its place.

    `replaced`: the item has left, and what came to lie beside it is still there. `merged` counts what came and went
    beside it and never was alone.
    """

    def __init__(self, item_id: str, opened_ns: int, terms: Terms) -> None:
        self.item_id = item_id
        self.replaced = self.settled = False
        self.merged = 0
        self._terms = terms
        self._decide_by_ns = opened_ns + terms.decide_after_ns
        self._best: tuple[int, Frame] | None = None
        self._said_last = False
        self._first: View | None = None
        self._beside: Marks | None = None

    def see(self, view: View) -> list[Item]:
        """The offer that this picture makes, if any."""
        if view.still:
            self._watch_neighbours(view)
        if self._said_last or self.replaced:
            return []
        if self._beside is not None:
            return self.leave()
        good = view.whole and (view.still or not self._terms.still)
        self.settled |= good
        self._keep(view, good)
        if view.frame.moment_ns >= self._decide_by_ns:
            return self.leave()
        return [Item(self.item_id, (view.frame,), last=False)] if good else []

    def leave(self) -> list[Item]:
        """The last offer, if there was none yet: the item is gone, or its time is over."""
        if self._said_last or self._best is None:
            return []
        self._said_last = True
        return [Item(self.item_id, (self._best[1],))]

    def end(self) -> list[Item]:
        """The region is empty, or the stream has ended: `leave`, and count what never was alone."""
        self.merged += self._beside is not None and not self.replaced
        return self.leave()

    def in_the_way(self, now_ns: int) -> bool:
        """Is it still there long after it was offered for the last time?"""
        return now_ns >= self._decide_by_ns + self._terms.clear_after_ns

    def _keep(self, view: View, good: bool) -> None:
        """Of the best pictures, keep the newest: good ones, else still ones, else whole ones, else any."""
        rank = 3 if good else 2 * view.still + view.whole
        if self._best is None or rank >= self._best[0]:
            self._best = (rank, view.frame)

    def _watch_neighbours(self, view: View) -> None:
        if self._first is None:
            self._first = view
        elif self._beside is None:
            self._beside = self._newcomer(self._first, view)
        elif _share(self._beside, view.marks) < _HARDLY:
            self._beside = None
            self.merged += 1
        elif _share(self._first.marks, view.marks) < _HARDLY and _share(self._beside, view.marks) > _MOSTLY:
            self.replaced = True

    def _newcomer(self, first: View, now: View) -> Marks | None:
        """The cells beside an item that itself lies as it lay, if they are enough for another item."""
        around = np.asarray(cv2.dilate(first.marks.view(np.uint8), _NEIGHBOUR), np.bool_)
        more = now.marks & ~around
        if np.count_nonzero(more) < self._terms.smallest:
            return None
        return more if _share(first.marks, things(now.cells, first.cells, slack_of(first.cells))) < _UNCHANGED else None


def _share(marks: Marks, among: Marks) -> float:
    """The share of `marks` that is also among the others; 0 of none."""
    return int(np.count_nonzero(marks & among)) / max(1, int(np.count_nonzero(marks)))
