"""The sorting loop: frames in, exactly one outcome an item, at most one movement an outcome.

It runs in the main thread and waits for nothing without a deadline. Whatever keeps it from deciding (a pause, a lost
link, a disk that refuses) is a hindrance with a limit; past the limit the error that it stands for ends the run.
"""

import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from appliance.by_hand import ByHand
from appliance.camera import Camera
from appliance.classifier import Classifier
from appliance.clock import Clock, Deadline
from appliance.control import Switches
from appliance.decide import Policy
from appliance.drift_watch import DriftWatch
from appliance.errors import ApplianceError, LinkError, StorageError
from appliance.evidence import Evidence
from appliance.health import Health, Latencies, Snapshot, brief
from appliance.hearing import Hearing
from appliance.intake import Intake, Patience
from appliance.journal import Journal
from appliance.link_news import LinkNews
from appliance.numbering import first_seq
from appliance.preprocess import Region
from appliance.records import (
    Ack,
    AckStatus,
    Decision,
    Frame,
    Item,
    LinkEvent,
    Outcome,
    OutcomeKind,
    Pixels,
    Rule,
    SortCommand,
)
from appliance.sorter import Capabilities, Describes, Sorter
from appliance.trigger import Trigger

__all__ = ["Limits", "Parts", "SortingLoop"]

log = logging.getLogger(__name__)

_FRAME_WAIT_S = 0.2
_HOLD_S = 0.05
_PUBLISH_EVERY_NS = 250_000_000
_COMMAND_VALID_NS = 1_000_000_000
_STATES = {"paused": "paused", "storage": "waiting for the disk", "link": "waiting for the link", "busy": "sorting"}
"""What people read for each hindrance; a sorter in the middle of a movement is nothing to worry about."""
_RULES = {"paused": Rule.PAUSED, "storage": Rule.ABANDONED, "link": Rule.LINK_DOWN, "busy": Rule.BUSY}
"""What a live item is told that a hindrance made too old."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop is given, open and ready."""

    camera: Camera
    trigger: Trigger
    classifier: Classifier
    policy: Policy
    sorter: Sorter
    capabilities: Capabilities
    journal: Journal
    evidence: Evidence
    health: Health
    switches: Switches
    region: Region | None = None
    drift: DriftWatch | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take. `items`: stop after so many; None means when the source ends."""

    machine: str
    state_dir: str
    max_age_ms: int
    camera: Patience
    storage_give_up_s: float
    items: int | None = None


@dataclass(frozen=True, slots=True)
class _Pending:
    """A command that went out: what would be true if nobody heard of it again, and its place among the intents."""

    unsettled: Outcome
    slot: int
    sent_ns: int
    pixels: Pixels


class SortingLoop:
    """State: what is in flight, what hinders, what was counted. `on_outcome` hears every outcome, in the loop."""

    def __init__(
        self,
        parts: Parts,
        limits: Limits,
        stop: threading.Event,
        clock: Clock = time.monotonic_ns,
        on_outcome: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        self._parts = parts
        self._limits = limits
        self._stop = stop
        self._clock = clock
        self._on_outcome = on_outcome
        self._pending: dict[int, _Pending] = {}
        # Each number is used up by whoever takes it.
        self._next_seq = itertools.count(first_seq(parts.journal, parts.capabilities.last_seq)).__next__
        self._by_hand = ByHand(
            parts.switches.orders, parts.sorter, parts.journal, parts.policy.channels, self._next_seq, clock
        )
        self._told_by = parts.sorter if isinstance(parts.sorter, Describes) else None
        self._decided = 0
        self._hearing = Hearing()
        self._link = LinkNews(parts.journal)
        self._hindrance: tuple[str, int] | None = None
        self._resumed_ns = 0
        self._started_ns = clock()
        self._intake = Intake(
            parts.camera,
            parts.region,
            limits.camera,
            parts.journal,
            parts.health,
            self._hear,
            self._wait_for_camera,
            stop.is_set,
            clock,
        )
        self._published_ns = 0
        self._outcomes: Counter[str] = Counter({kind.value: 0 for kind in OutcomeKind})
        self._bins: Counter[str] = Counter()
        self._last: Outcome | None = None
        self.latencies = Latencies()
        self._publish("starting")

    def run(self) -> None:
        """Sort until the source ends, enough items are decided, or `stop` is set.

        Raises:
            CameraError, LinkError, StorageError, ModelError: a part is lost for longer than its limit. Every item that
                was seen has its outcome by then.
        """
        try:
            while not self._finished():
                self.step()
            if self._intake.ended:
                for item in self._parts.trigger.flush():
                    self._sort(item)
            self._intake.complain()
        finally:
            self._parts.health.stopping()
            self._abandon_open_items()
            self._drain()
            self._publish("stopped")

    def step(self) -> None:
        """One pass: hear the sorter, and if nothing hinders, take the next frame and sort what it completes."""
        self._hear(0.0)
        self._parts.health.tick()
        hindrance = self._find_hindrance()
        if hindrance is not None:
            self._hold_back(hindrance)
            return
        if self._hindrance is not None and self._hindrance[0] == "paused":
            self._resumed_ns = self._clock()
            self._parts.journal.event("resumed", {})
            self._by_hand.let_go("the machine was resumed")
        self._hindrance = None
        self._publish("sorting")
        frame = self._intake.next(_HOLD_S if self._pending else _FRAME_WAIT_S)
        if frame is not None:
            self.take(frame)

    def take(self, frame: Frame) -> None:
        """Sort every item that is offered with this frame."""
        trigger = self._parts.trigger
        for item in trigger.feed(frame):
            self._sort(item)
        for event in trigger.events():
            log.warning("%s: item %s %s", event.kind, event.item_id, event.detail)
            self._parts.journal.event(event.kind, {"detail": event.detail}, event.item_id)
        if self._parts.drift is not None and self._parts.drift.due(frame):
            self._look_for_drift(self._parts.drift, frame)

    def _finished(self) -> bool:
        enough = self._limits.items is not None and self._decided >= self._limits.items
        return enough or self._intake.ended or self._stop.is_set()

    def _look_for_drift(self, drift: DriftWatch, frame: Frame) -> None:
        """Compare the picture with the reference if it shows the empty region: what has changed is told, no more."""
        seen = self._parts.trigger.status()
        for change in drift.look(frame, empty=seen.empty is True, stuck=bool(seen.trouble)):
            log.warning("drift: %s", change.sentence)
            kind = "drift" if change.on else "drift-over"
            self._parts.journal.event(kind, {"kind": change.kind, "detail": change.sentence})

    # Deciding and moving

    def _sort(self, item: Item) -> None:
        """Decide and move one item, if it can be decided by now; then it has its outcome, or its command is out, also
        when this raises."""
        if self._hearing.closed(item):
            return
        decision = self._undecided()
        try:
            while not self._parts.journal.intents.room:
                self._hold_back("storage")
            policy = self._parts.policy
            heard = self._hearing.hear(item, self._parts.classifier.classify, policy)
            if heard is None:
                return
            decision = heard
            refusal = self._why_not(item.frames[-1], moves=policy.channels[decision.bin] is not None)
        except ApplianceError:
            self._hearing.close(item)
            self._miss(item, decision, Rule.ABANDONED)
            raise
        self._hearing.close(item)
        if refusal is not None:
            self._miss(item, decision, refusal)
        else:
            self._carry_out(item, decision)
        self._decided += 1

    def _undecided(self) -> Decision:
        return Decision(self._parts.policy.reject_bin, Rule.ABANDONED, None, 0.0)

    def _abandon_open_items(self) -> None:
        """The run ends: what is in sight and undecided goes the default way."""
        for item in self._parts.trigger.flush():
            if not self._hearing.closed(item):
                self._miss(item, self._undecided(), Rule.ABANDONED)

    def _miss(self, item: Item, decision: Decision, rule: Rule) -> None:
        """The item goes the default way."""
        if not self._parts.journal.intents.room:
            # The disk has refused for give_up_s, and 64 items wait for it: this one is only in the log.
            log.error("the item %s of %s could not be kept", item.id, item.frames[-1].source)
            return
        outcome = self._outcome(item, replace(decision, rule=rule), OutcomeKind.MISSED)
        if rule is Rule.STALE:
            outcome = replace(outcome, detail=f"its best picture was {outcome.latency_ms:.0f} ms old")
        self._finish(outcome, item.frames[-1].pixels)

    def _carry_out(self, item: Item, decision: Decision) -> None:
        channel = self._parts.policy.channels[decision.bin]
        if channel is not None:
            self._move(item, decision, channel)
            return
        kind = OutcomeKind.REJECTED if decision.rejected else OutcomeKind.SORTED
        self._finish(self._outcome(item, decision, kind), item.frames[-1].pixels)

    def _move(self, item: Item, decision: Decision, channel: int) -> None:
        seq, now_ns = self._next_seq(), self._clock()
        # Until somebody hears otherwise, the truth about this item is that nobody knows.
        unsettled = self._outcome(item, decision, OutcomeKind.UNCERTAIN, seq, "the program ended before the answer")
        slot = self._parts.journal.intend(unsettled)
        newest = item.frames[-1]
        # A live item has gone by when its picture is too old, however the time was lost.
        until_ns = newest.taken_at_ns + self._limits.max_age_ms * 1_000_000 if self._parts.camera.live else None
        command = SortCommand(seq, decision.bin, channel, now_ns, until_ns or now_ns + _COMMAND_VALID_NS)
        self._parts.sorter.submit(command)
        self._pending[seq] = _Pending(unsettled, slot, self._clock(), newest.pixels)
        self._hear(0.0)

    def _why_not(self, frame: Frame, *, moves: bool) -> Rule | None:
        """Why nothing may move for this frame now; None if it may.

        A stored picture does not age: it waits for a pause or a lost link to end, within the limits of a hindrance. A
        live one waits for a busy sorter only as long as it is young enough, and does not outlive a pause.
        """
        live = self._parts.camera.live
        if live and frame.taken_at_ns < self._resumed_ns:
            return Rule.PAUSED
        if live and self._age_left_s(frame) <= 0:
            return Rule.STALE
        while (hindrance := self._find_movement_hindrance(moves)) is not None:
            if self._stop.is_set():
                return Rule.ABANDONED
            if not live:
                self._hold_back(hindrance)
            elif hindrance == "paused" or self._age_left_s(frame) <= 0:
                return _RULES[hindrance]
            else:
                self._hear(min(self._age_left_s(frame), _HOLD_S))
        return Rule.STALE if live and self._age_left_s(frame) <= 0 else None

    def _find_movement_hindrance(self, moves: bool) -> str | None:
        """What forbids this very movement now."""
        if self._parts.switches.paused:
            return "paused"
        if not self._parts.journal.has_room:
            return "storage"
        if not moves or self._parts.sorter.ready:
            return None
        return "link" if self._link.down_ns is not None else "busy"

    def _age_left_s(self, frame: Frame) -> float:
        return self._limits.max_age_ms / 1e3 - (self._clock() - frame.taken_at_ns) / 1e9

    def _outcome(
        self, item: Item, decision: Decision, kind: OutcomeKind, seq: int | None = None, detail: str = ""
    ) -> Outcome:
        newest = item.frames[-1]
        taken_at_ns = newest.taken_at_ns
        latency_ms = (self._clock() - taken_at_ns) / 1e6
        return Outcome(item.id, newest.id, newest.source, taken_at_ns, kind, decision, seq, latency_ms, None, detail)

    def _finish(self, outcome: Outcome, pixels: Pixels, slot: int | None = None) -> None:
        """The item has its one outcome: keep it, count it, tell it."""
        journal = self._parts.journal
        journal.put(outcome, journal.intend(outcome) if slot is None else slot)
        self._parts.evidence.offer(outcome, pixels)
        self._outcomes[outcome.kind] += 1
        self._bins[outcome.decision.bin] += 1
        self.latencies.add(outcome.latency_ms)
        self._last = outcome
        self._on_outcome(outcome)

    # Hearing the sorter

    def _hear(self, timeout_s: float) -> None:
        for event in self._parts.sorter.events(timeout_s):
            if isinstance(event, Ack):
                self._settle(event)
            elif isinstance(event, LinkEvent):
                self._link.hear(event)
            # A sensor's event starts nothing yet: items are found in the pictures.

    def _settle(self, ack: Ack) -> None:
        if self._by_hand.settle(ack):
            return
        pending = self._pending.pop(ack.seq, None)
        if pending is None:
            log.warning("an answer to a command that nobody waits for: %s", ack)
            return
        self._parts.health.progress()
        answered = ack.status in (AckStatus.DONE, AckStatus.FAILED) and ack.done_at_ns >= pending.sent_ns
        unsettled = pending.unsettled
        outcome = unsettled.ended(
            _kind(ack.status, unsettled.decision),
            latency_ms=(pending.sent_ns - unsettled.taken_at_ns) / 1e6,
            confirm_ms=(ack.done_at_ns - pending.sent_ns) / 1e6 if answered else None,
            detail=ack.detail if ack.status is not AckStatus.DONE else "",
        )
        self._finish(outcome, pending.pixels, pending.slot)

    def _drain(self) -> None:
        """Wait for the answers that are still to come; what stays without one is uncertain. Then let it rest."""
        deadline = Deadline(self._parts.capabilities.answer_s + 1)
        while (self._pending or self._by_hand.moving) and not deadline.expired:
            self._hear(0.1)
            self._parts.health.progress()
            self._parts.health.tick()
        for pending in list(self._pending.values()):
            self._settle(Ack(pending.unsettled.seq or 0, AckStatus.UNKNOWN, self._clock(), "no answer before the end"))
        self._by_hand.close()
        self._parts.sorter.stop()

    # What keeps the loop from deciding

    def _find_hindrance(self) -> str | None:
        """What forbids to take the next frame."""
        if self._link.down_ns is not None and self._past(self._link.down_ns, self._parts.sorter.recovery_s):
            return "link"
        # Items of a live source pass whether we can move them or not, so they are seen and journalled as missed.
        return self._find_movement_hindrance(moves=not self._parts.camera.live)

    def _hold_back(self, hindrance: str) -> None:
        """Wait a moment for a hindrance to go; each has a limit.

        Raises:
            LinkError, StorageError: the limit has passed.
        """
        now_ns = self._clock()
        if self._hindrance is None or self._hindrance[0] != hindrance:
            self._hindrance = (hindrance, now_ns)
            if hindrance == "paused":
                self._parts.journal.event("paused", {})
        limit_s, error = self._limit_of(hindrance)
        since_ns = self._link.down_ns if hindrance == "link" and self._link.down_ns else self._hindrance[1]
        if limit_s is not None and self._past(since_ns, limit_s):
            raise error
        if hindrance == "paused":
            self._intake.watch()
            self._by_hand.step()
        self._intake.excuse()
        self._parts.health.progress()
        self._parts.health.tick()
        self._publish(_STATES[hindrance])
        self._hear(_HOLD_S)

    def _limit_of(self, hindrance: str) -> tuple[float | None, ApplianceError]:
        parts, limits = self._parts, self._limits
        if hindrance == "storage":
            found = parts.journal.trouble or "too many items wait to be written"
            return limits.storage_give_up_s, StorageError("writing the journal", found, "free space on the disk")
        name = parts.capabilities.name
        if hindrance == "link":
            found = f"{name} stayed away for {parts.sorter.recovery_s:g} s: {self._link.reason}"
            return parts.sorter.recovery_s, LinkError("waiting for the sorter", found, "check its cable and its power")
        limit_s = 2 * parts.capabilities.answer_s + 5
        busy = LinkError("waiting for the sorter", f"{name} is busy for more than {limit_s:g} s", "restart the board")
        return (None if hindrance == "paused" else limit_s), busy

    def _past(self, since_ns: int, limit_s: float) -> bool:
        return self._clock() - since_ns > limit_s * 1e9

    def _wait_for_camera(self, seconds: float) -> None:
        """What the loop does while the camera is opened again."""
        self._parts.health.progress()
        self._parts.health.tick()
        self._publish("camera lost")
        self._hear(seconds)

    # Telling

    def _publish(self, state: str) -> None:
        now_ns = self._clock()
        known = self._parts.health.snapshot
        if known is None or known.state != state or now_ns - self._published_ns >= _PUBLISH_EVERY_NS:
            self._published_ns = now_ns
            self._parts.health.publish(self._snapshot(state))

    def _snapshot(self, state: str) -> Snapshot:
        parts = self._parts
        counters = self._intake.counters()
        last = self._last
        seen = parts.trigger.status()
        age_s = self._intake.picture_age_s
        link = "the link is down" if self._link.down_ns is not None else ""
        return Snapshot(
            state=state,
            machine=self._limits.machine,
            state_dir=self._limits.state_dir,
            run_id=parts.journal.run_id,
            model=parts.classifier.name,
            camera=parts.camera.name,
            sorter=parts.capabilities.name,
            simulated=parts.capabilities.simulated,
            uptime_s=round((self._clock() - self._started_ns) / 1e9, 1),
            items=sum(self._outcomes.values()),
            outcomes=dict(self._outcomes),
            bins=dict(self._bins),
            frames=counters.frames,
            dropped=counters.dropped,
            skipped=counters.skipped,
            stale=counters.stale,
            corrupt=counters.corrupt,
            stalls=counters.stalls,
            restarts=counters.restarts,
            picture_age_s=None if age_s is None else round(age_s, 2),
            last={} if last is None else brief(last),
            trigger=seen.counters,
            drift=parts.drift.as_dict() if parts.drift is not None else {},
            link={} if self._told_by is None else self._told_by.link(),
            trouble=parts.journal.trouble or link or seen.trouble,
        )


def _kind(status: AckStatus, decision: Decision) -> OutcomeKind:
    if status is AckStatus.DONE:
        return OutcomeKind.REJECTED if decision.rejected else OutcomeKind.SORTED
    return OutcomeKind.FAILED if status is AckStatus.FAILED else OutcomeKind.UNCERTAIN
