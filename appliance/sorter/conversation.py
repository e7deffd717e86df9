"""The host's half of the framed protocol: handshake, heartbeat, commands, stop.

Pure: bytes and moments in, bytes and events out; no clock, no thread, no port. docs/protocol.md says
why each thing is done. The owner feeds what the line brings, calls `tick` at `due_ns` at the latest, and writes
`take_bytes()` after each call.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Any

from appliance.records import Ack, AckStatus, LinkEvent, SensorEvent, SortCommand
from appliance.sorter.frames import (
    MAJOR,
    MINOR,
    Accepted,
    Arm,
    Ask,
    Command,
    Counters,
    Done,
    Event,
    EventKind,
    Failed,
    Foreign,
    Frame,
    Hello,
    Pulse,
    Refused,
    State,
    StateTold,
    Stop,
    Welcome,
)
from appliance.sorter.heartbeat import Heartbeat, is_fresh
from appliance.sorter.link_report import LinkReport
from appliance.sorter.rivals import Rivals
from appliance.sorter.standing import Standing
from appliance.sorter.trace import Trace, Traced
from appliance.sorter.unanswered import Unanswered, meaning_of
from appliance.sorter.window import WORST_ERROR_US, is_known, window_of
from appliance.sorter.wire import Receiver, line_of

__all__ = ["DIVERT", "HOME", "Conversation", "Phase"]

DIVERT, HOME = 0, 1
"""What a command asks for: a diverter's movement, or every output in its rest position."""

_HELLO_EVERY_NS = 200_000_000
_QUIET_NS = 100_000_000
"""Three bytes of a line of 300 baud: a frame has no such hole."""
_ASK_EVERY_NS = 5_000_000_000
_ROUGHLY_US = 500_000
"""Good enough to tell people when something happened."""
_STOP_TRIES = 20
_OLD_NS = 1_000_000_000
"""News older than that say how old they are."""
_EVENTS = 256
"""Events beyond so many push out the oldest. Acks never are."""
_KINDS: dict[int, str] = {EventKind.ITEM: "item", EventKind.CLEAR: "clear", EventKind.ENCODER: "encoder"}


class Phase(StrEnum):
    """Where the conversation stands; FAILED is left only by `start`."""

    CLOSED = "closed"
    GREETING = "greeting"
    TALKING = "talking"
    FAILED = "failed"


class Conversation:
    """One far end, over as many sessions as it takes. `new_session` gives random numbers from 1 to 2^32 - 1."""

    def __init__(self, new_session: Callable[[], int]) -> None:
        self._new_session = new_session
        self._receiver = Receiver()
        self._commands = Unanswered()
        self._trace = Trace()
        self._out = bytearray()
        self._acks: list[Ack] = []
        self._events: deque[LinkEvent | SensorEvent] = deque(maxlen=_EVENTS)
        self._alive_ns = -(10**18)
        self._where = ""
        self._told_down = False
        self._heard_ns = 0
        self._boot: int | None = None
        self._rivals = Rivals()
        self.counted = 0
        """How often the board told its counters."""
        self._answers: dict[type[Any], Callable[[Any, int], None]] = {
            Pulse: self._on_pulse,
            Accepted: self._on_accepted,
            Done: self._on_done,
            Failed: self._on_failed,
            StateTold: self._on_state,
            Event: self._on_event,
            Counters: self._on_counters,
        }
        self.phase = Phase.CLOSED
        self.trouble = ""
        """Why the phase is FAILED, in words."""
        self._begin(0)

    def _begin(self, now_ns: int) -> None:
        """A session begins: nothing is known of the board."""
        self._session = self._new_session()
        self._standing = Standing()
        self._heart = Heartbeat(self._session, now_ns)
        self._counters: Counters | None = None
        self._hello_ns = self._arm_ns = self._stop_ns = self._ask_ns = now_ns
        self._stops = 0
        self._rested = self._stopped = False
        self._next_event = 0
        self.board: Welcome | None = None
        """What the board said of itself in this session; None before it did."""

    # What the owner asks for

    def start(self, now_ns: int, where: str = "") -> None:
        """Shake hands in a new session, at `where` in words; what is unanswered is given up."""
        self._give_up("a new session began", now_ns)
        self._out.clear()
        self._receiver.reset()
        self._begin(now_ns)
        self._where, self.phase, self.trouble = where, Phase.GREETING, ""

    def alive(self, at_ns: int) -> None:
        """The sorting loop turned at this moment."""
        self._alive_ns = max(self._alive_ns, at_ns)

    def submit(self, command: SortCommand, now_ns: int, action: int = DIVERT) -> None:
        """Send a command, or answer at once why not."""
        refusal = self._why_not(command, now_ns)
        if refusal or self.board is None:
            self._acks.append(Ack(command.seq, AckStatus.FAILED, now_ns, f"{refusal}; nothing was sent"))
            return
        frame = self._framed(command, now_ns, action)
        movement_ns = self.board.movement_ms * 1_000_000
        line = self._commands.add(command, frame, movement_ns, self._heart.round_trip.timeout_ns, now_ns)
        self._send_line(frame, line, now_ns)

    def stop(self, now_ns: int) -> None:
        """Let the board rest; no command goes out after this, until `start`."""
        if not self._stopped:
            self._stopped = True
            self._say_stop(now_ns)

    def ask(self, now_ns: int) -> None:
        """Ask for the board's counters now; `report` has them when `counted` has grown."""
        self._ask_ns = now_ns + _ASK_EVERY_NS
        if self.phase is Phase.TALKING:
            self._send(Ask(self._session), now_ns)

    def fail(self, why: str, now_ns: int) -> None:
        """The line is of no use any more: what is unanswered stays unknown, and nothing is sent until `start`."""
        self._give_up(f"the link broke: {why}", now_ns)
        self._out.clear()
        if self.phase is Phase.TALKING:
            self._told_down = True
            self._tell("link-down", why, now_ns)
        self.phase, self.trouble = Phase.FAILED, why

    def close(self, now_ns: int) -> None:
        """Say nothing more, and give up what is unanswered."""
        self._give_up("the link was closed", now_ns)
        self._out.clear()
        self.phase, self._told_down = Phase.CLOSED, False

    def feed(self, data: bytes, now_ns: int) -> None:
        """Bytes came in, and were read not after `now_ns`."""
        if data:
            self._heard_ns = now_ns
        for frame in self._receiver.feed(data):
            self._trace.note(now_ns, frame, outgoing=False)
            self._hear(frame, now_ns)
        self._note_noise(now_ns)

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        if self.phase is Phase.GREETING and now_ns >= self._hello_ns:
            self._hello_ns = now_ns + _HELLO_EVERY_NS
            if now_ns - self._heard_ns >= _QUIET_NS:
                self._receiver.give_up()
                self._note_noise(now_ns)
            self._send(Hello(MAJOR, MINOR, self._session), now_ns)
        if self.phase is not Phase.TALKING:
            return
        self._acks += self._commands.overdue(now_ns)
        if self._heart.silent(now_ns):
            self.fail("the board fell silent", now_ns)
            return
        if now_ns >= self._heart.due_ns:
            # One that is not to move must not be kept armed either.
            self._send(self._heart.beat(now_ns, -(10**18) if self._stopped else self._alive_ns), now_ns)
        for frame, line in self._commands.repeats(now_ns):
            self._send_line(frame, line, now_ns)
        if self._stopped and not self.at_rest and now_ns >= self._stop_ns:
            self._say_stop(now_ns)
        elif self._may_arm(now_ns) and now_ns >= self._arm_ns:
            self._arm_ns = now_ns + self._heart.round_trip.timeout_ns
            self._send(Arm(self._session, self._standing.latch), now_ns)
        if now_ns >= self._ask_ns:
            self.ask(now_ns)

    # What the owner takes

    @property
    def due_ns(self) -> int | None:
        """When `tick` has something to do at the latest; None if never."""
        if self.phase is Phase.GREETING:
            return self._hello_ns
        if self.phase is not Phase.TALKING:
            return None
        due_ns = self._commands.due_ns
        return self._heart.due_ns if due_ns is None else min(due_ns, self._heart.due_ns)

    @property
    def armed(self) -> bool:
        """Does the board take commands, as far as we know?"""
        return self.phase is Phase.TALKING and self._standing.state is State.ARMED

    @property
    def at_rest(self) -> bool:
        """Has the board said that it rests because of our `stop`, or can nobody be told any more?"""
        return self.phase is not Phase.TALKING or self._stops >= _STOP_TRIES or self._standing.stopped

    @property
    def has_rival(self) -> bool:
        """Does another host use this port, as it seems?"""
        return self._rivals.pause_s > 0

    @property
    def greet_ns(self) -> int:
        """After a failure: when `start` is due at the earliest, so that two hosts do not fight over the board."""
        return self._rivals.until_ns

    def ready(self, now_ns: int) -> bool:
        """Can a command go out now?"""
        if not self.armed or self._stopped or self.board is None:
            return False
        return self._commands.has_room(self.board.queue) and self._knows_time(now_ns)

    def take_bytes(self) -> bytes:
        """What has to be written now."""
        taken = bytes(self._out)
        self._out.clear()
        return taken

    def take_events(self) -> list[Ack | LinkEvent | SensorEvent]:
        """What happened since the last call: events in their order, then answers."""
        if not self._acks and not self._events:
            return []
        taken = [*self._events, *self._acks]
        self._events.clear()
        self._acks.clear()
        return taken

    def trace(self, after: int = 0) -> list[Traced]:
        """The newest frames that went by, those with a number above `after`."""
        return self._trace.after(after)

    def report(self, now_ns: int) -> LinkReport:
        """How the link stands."""
        heart = self._heart
        return LinkReport(
            board=self.board,
            counters=self._counters,
            line=replace(self._receiver.counters),
            state=self._standing.state if self.phase is Phase.TALKING else State.WAITING,
            rested=self._standing.rested,
            trouble=self.trouble,
            round_trip_ms=heart.round_trip.smoothed_ms,
            clock_error_us=heart.clock.error_us(now_ns),
            drift_ppm=heart.clock.drift_ppm,
            commands_repeated=self._commands.repeated,
            beats=heart.sent,
            beats_unanswered=heart.unanswered,
        )

    # Speaking

    def _why_not(self, command: SortCommand, now_ns: int) -> str:
        """Why a command cannot go out; empty if it can."""
        if now_ns > command.not_after_ns:
            return "too late"
        if self.phase is not Phase.TALKING or self.board is None:
            return "the link was down"
        if self._stopped:
            return "the board was told to stop"
        if not self.armed:
            return f"the board is at rest: {self._standing.rested}"
        if not self._commands.has_room(self.board.queue):
            return "as many commands as the board can keep are on their way"
        if not self._knows_time(now_ns):
            return "the board's time is not known well enough"
        left_ns = command.not_after_ns - now_ns
        return "too late for all that is known of the board's time" if left_ns <= self._error_us(now_ns) * 1e3 else ""

    def _framed(self, command: SortCommand, now_ns: int, action: int) -> Command:
        before_us, after_us = window_of(command, self._heart.clock, now_ns)
        number, channel = command.seq & 0xFFFF_FFFF, command.channel if action == DIVERT else 0
        return Command(self._session, number, self._standing.latch, action, channel, before_us, after_us)

    def _error_us(self, now_ns: int) -> float:
        return self._heart.clock.error_us(now_ns)

    def _knows_time(self, now_ns: int) -> bool:
        return is_known(self._heart.clock, now_ns)

    def _may_arm(self, now_ns: int) -> bool:
        """A board that was stopped stays so; one that rests for another reason works again as soon as the loop does."""
        rests = self._standing.state is State.SAFE and not self._standing.stopped
        return rests and not self._stopped and is_fresh(self._alive_ns, now_ns)

    def _say_stop(self, now_ns: int) -> None:
        if self.phase is Phase.TALKING:
            self._stops += 1
            self._stop_ns = now_ns + self._heart.round_trip.timeout_ns
            self._send(Stop(self._session), now_ns)

    def _note_noise(self, now_ns: int) -> None:
        for noise in self._receiver.take_noise():
            self._trace.note(now_ns, None, outgoing=False, noise=noise)

    def _send(self, frame: Frame, now_ns: int) -> None:
        self._send_line(frame, line_of(frame), now_ns)

    def _send_line(self, frame: Frame, line: bytes, now_ns: int) -> None:
        self._out += line
        self._trace.note(now_ns, frame, outgoing=True)

    # Hearing

    def _hear(self, frame: Frame, now_ns: int) -> None:
        if frame.session != self._session:
            return  # Of a session before this one, or of another host.
        if isinstance(frame, Welcome):
            self._on_welcome(frame, now_ns)
        elif isinstance(frame, Refused) and self.phase is Phase.GREETING:
            self.fail(f"it speaks version {frame.major}.{frame.minor} of the protocol, not {MAJOR}.{MINOR}", now_ns)
        elif self.phase is Phase.TALKING:
            self._on_answer(frame, now_ns)

    def _on_welcome(self, frame: Welcome, now_ns: int) -> None:
        if self.phase is Phase.TALKING and self.board is not None and frame.boot != self.board.boot:
            self.fail("the board restarted", now_ns)
        if self.phase is not Phase.GREETING:
            return
        self.phase, self.board = Phase.TALKING, frame
        self._standing.welcomed(frame)
        self._heart.due_ns = self._arm_ns = now_ns
        if self._told_down:
            self._told_down = False
            self._tell("link-up", self._where, now_ns)
        if self._boot not in (None, frame.boot):
            self._tell("board-restarted", _start_of(frame), now_ns)
        self._boot = frame.boot

    def _on_answer(self, frame: Frame, now_ns: int) -> None:
        if isinstance(frame, Foreign):
            self._on_foreign(frame, now_ns)
        elif answer := self._answers.get(type(frame)):
            self._heart.heard()
            answer(frame, now_ns)

    def _on_foreign(self, frame: Foreign, now_ns: int) -> None:
        if frame.boot != self._boot:
            self.fail("the board restarted", now_ns)
            return
        self._rivals.took_it(now_ns)
        if self.has_rival:
            again = f"the board was taken away again within 1 s; it is left alone for {self._rivals.pause_s:g} s"
            self.fail(f"another host uses this port: {again}", now_ns)
        else:
            self.fail("the board is in another session: another host took it, or an old greeting came late", now_ns)

    def _on_pulse(self, frame: Pulse, now_ns: int) -> None:
        self._heart.echoed(frame, now_ns)
        self._stands(frame.state, frame.why, frame.latch, frame.sent, now_ns)

    def _on_state(self, frame: StateTold, now_ns: int) -> None:
        self._stands(frame.state, frame.why, frame.latch, frame.now, now_ns)

    def _stands(self, state: int, why: int, latch: int, at_us: int, now_ns: int) -> None:
        """The board said how it stands; a rest that nobody asked for is told, and its end."""
        was_armed = self.armed
        if not self._standing.told(state, why, latch, at_us):
            return
        if was_armed and not self.armed and not self._stopped:
            self._rested, self._arm_ns = True, now_ns
            self._tell_rest(at_us, now_ns)
        elif self._rested and self.armed:
            self._rested = False
            self._tell("board-armed", "it takes commands again", now_ns)

    def _tell_rest(self, at_us: int, now_ns: int) -> None:
        """When the board rested is its own to say: a program that stood still reads of it long after."""
        at_ns, why = self._here_ns(at_us, now_ns, _ROUGHLY_US), self._standing.rested
        age_ns = now_ns - at_ns
        told_late = f"; it was {age_ns / 1e9:.1f} s before this was read" if age_ns >= _OLD_NS else ""
        self._tell("board-rested", why + told_late, at_ns)

    def _here_ns(self, board_us: int, now_ns: int, worst_us: int) -> int:
        """A moment of the board in our time; now, while the board's time is not known so well."""
        known = self._error_us(now_ns) <= worst_us
        return min(self._heart.clock.host_ns(board_us), now_ns) if known else now_ns

    def _on_accepted(self, frame: Accepted, now_ns: int) -> None:
        self._commands.accepted(frame.seq, now_ns, self._heart.round_trip.timeout_ns)

    def _on_done(self, frame: Done, now_ns: int) -> None:
        self._end(frame.seq, AckStatus.DONE, "", now_ns)

    def _on_failed(self, frame: Failed, now_ns: int) -> None:
        self._end(frame.seq, *meaning_of(frame.code), now_ns)

    def _end(self, number: int, status: AckStatus, detail: str, now_ns: int) -> None:
        ack = self._commands.ended(number, status, now_ns, detail)
        if ack is not None:
            self._acks.append(ack)
        elif self._commands.was_given_up(number):
            self._tell("late-reply", f"command {number}, which was given up: {status.value} {detail}".rstrip(), now_ns)

    def _on_event(self, frame: Event, now_ns: int) -> None:
        """Each number once; those that are missing are told, not waited for."""
        ahead = (frame.number - self._next_event) & 0xFFFF
        if ahead >= 0x8000:
            return
        if ahead:
            self._tell("sensor-events-lost", f"{ahead} before number {frame.number}", now_ns)
        self._next_event = (frame.number + 1) & 0xFFFF
        kind, at_ns = _KINDS.get(frame.kind, f"kind {frame.kind}"), self._here_ns(frame.at, now_ns, WORST_ERROR_US)
        self._events.append(SensorEvent(kind, at_ns, frame.number, frame.position))

    def _on_counters(self, frame: Counters, now_ns: int) -> None:
        self._counters = frame
        self.counted += 1

    # Telling

    def _give_up(self, why: str, now_ns: int) -> None:
        self._acks += self._commands.give_up_all(why, now_ns)

    def _tell(self, kind: str, detail: str, now_ns: int) -> None:
        self._events.append(LinkEvent(kind, now_ns, detail))


def _start_of(board: Welcome) -> str:
    return f"{board.started_by}; boot {board.boot:#010x}, firmware {board.firmware}"
