"""The framed conversation in virtual time, with the firmware's own core at the far end of a wire that can be broken."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.records import Ack, AckStatus, LinkEvent, SensorEvent, SortCommand
from appliance.sorter.conversation import HOME, Conversation, Phase
from appliance.sorter.frames import (
    FRAMES,
    Accepted,
    Arm,
    Beat,
    Command,
    Done,
    Failed,
    Foreign,
    Frame,
    Hello,
    Lease,
    Refused,
    State,
    Stop,
    Welcome,
)
from appliance.sorter.link_words import passage_of
from appliance.sorter.wire import Receiver, line_of
from appliance.twin_board import BoardOptions, Movement, TwinBoard

MS = 1_000_000
START_NS = 1_000_000 * MS

Wire = Callable[[Frame], list[Frame]]
"""What becomes of a frame on its way."""


def good(frame: Frame) -> list[Frame]:
    return [frame]


def cut(frame: Frame) -> list[Frame]:
    return []


def without(*kinds: type) -> Wire:
    """A wire that loses these frames."""
    return lambda frame: [] if isinstance(frame, kinds) else [frame]


@dataclass
class Rig:
    """A conversation and a board, one millisecond after the other. `there`, `back`: the wire in both directions."""

    board: TwinBoard
    there: Wire = good
    back: Wire = good
    loop_turns: bool = True
    now_ns: int = START_NS
    movements: list[Movement] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    told: list[LinkEvent] = field(default_factory=list)
    sensed: list[SensorEvent] = field(default_factory=list)
    sent: list[tuple[int, Frame]] = field(default_factory=list)

    def __post_init__(self) -> None:
        sessions = itertools.count(101)
        self.host = Conversation(lambda: next(sessions))
        self._from_host, self._from_board = Receiver(), Receiver()

    def step(self) -> None:
        self.now_ns += MS
        now_us = self.now_ns // 1000
        self.board.tick(now_us)
        heard = b"".join(line_of(out) for frame in self._from_board.feed(self.board.take()) for out in self.back(frame))
        if self.loop_turns:
            self.host.alive(self.now_ns)
        self.host.feed(heard, self.now_ns)
        self.host.tick(self.now_ns)
        for frame in self._from_host.feed(self.host.take_bytes()):
            self.sent.append((self.now_ns, frame))
            for out in self.there(frame):
                self.board.feed(line_of(out), now_us)
        self._collect()

    def run(self, ms: int) -> None:
        for _ in range(ms):
            self.step()

    def until(self, condition: Callable[[], bool], ms: int = 3000) -> int:
        """How many milliseconds it took."""
        for taken in range(ms):
            if condition():
                return taken
            self.step()
        raise AssertionError(f"it did not happen within {ms} ms")

    def ready(self) -> "Rig":
        self.host.start(self.now_ns, "here")
        self.until(lambda: self.host.ready(self.now_ns))
        return self

    def submit(self, seq: int, channel: int = 1, valid_ms: int = 200, after_ms: int = 0) -> None:
        begin_ns = self.now_ns + after_ms * MS
        self.host.submit(SortCommand(seq, "cans", channel, begin_ns, self.now_ns + valid_ms * MS), self.now_ns)

    def restart(self) -> None:
        """The board's watchdog bites."""
        self.board.close()
        self.board = TwinBoard(BoardOptions(boot=2, reset=8), self.now_ns // 1000)

    def of(self, kind: type) -> list[int]:
        """When frames of a kind went out."""
        return [at_ns for at_ns, frame in self.sent if isinstance(frame, kind)]

    def ends(self) -> list[tuple[int, AckStatus]]:
        return [(ack.seq, ack.status) for ack in self.acks]

    def _collect(self) -> None:
        self.movements += self.board.movements()
        for event in self.host.take_events():
            if isinstance(event, Ack):
                self.acks.append(event)
            elif isinstance(event, LinkEvent):
                self.told.append(event)
            else:
                self.sensed.append(event)


@pytest.fixture
def rig() -> Rig:
    return Rig(TwinBoard(BoardOptions(boot=1), START_NS // 1000))


# Shaking hands


def test_hello_is_repeated_until_a_slow_board_answers(rig: Rig) -> None:
    rig.there = cut
    rig.host.start(rig.now_ns)
    rig.run(1000)
    rig.there = good
    taken = rig.until(lambda: rig.host.ready(rig.now_ns))

    gaps = {later - earlier for earlier, later in itertools.pairwise(rig.of(Hello)[:5])}
    assert gaps == {200 * MS}
    assert taken < 250
    assert rig.told == []


def test_a_board_of_another_version_is_not_spoken_to(rig: Rig) -> None:
    rig.there = cut
    rig.host.start(rig.now_ns)
    rig.host.feed(line_of(Refused(2, 1, session=102, code=1)), rig.now_ns)
    rig.run(500)

    assert rig.host.phase is Phase.FAILED
    assert "version 2.1" in rig.host.trouble
    assert rig.sent == []


def test_what_belongs_to_an_earlier_session_changes_nothing(rig: Rig) -> None:
    rig.ready()
    known = rig.host.board
    assert known is not None
    rig.submit(1)
    for frame in (replace(known, session=5, boot=9), Foreign(9, session=5), Done(5, 1, 0, 0), Failed(5, 1, 1, 0)):
        rig.host.feed(line_of(frame), rig.now_ns)

    assert (rig.host.phase, rig.host.board, rig.acks) == (Phase.TALKING, known, [])


# Commands


def test_a_command_moves_once_and_is_done(rig: Rig) -> None:
    rig.ready()
    rig.submit(7, channel=3)
    rig.run(200)

    assert rig.ends() == [(7, AckStatus.DONE)]
    assert [(one.seq, one.channel, one.code) for one in rig.movements] == [(7, 3, 0)]


@pytest.mark.parametrize("lost", [Accepted, Done])
def test_a_lost_answer_is_asked_for_again_with_the_very_same_frame(rig: Rig, lost: type) -> None:
    rig.ready()
    dropped = iter([True])
    rig.back = lambda frame: [] if isinstance(frame, lost) and next(dropped, False) else [frame]
    rig.submit(1)
    rig.run(400)

    commands = {frame for _, frame in rig.sent if isinstance(frame, Command)}
    assert len(commands) == 1
    assert len(rig.of(Command)) == 2
    assert rig.ends() == [(1, AckStatus.DONE)]
    assert len(rig.movements) == 1


def test_a_lost_command_is_repeated_ever_more_slowly_and_never_after_its_end(rig: Rig) -> None:
    rig.ready()
    rig.there = without(Command)
    rig.submit(1, valid_ms=500)
    rig.run(2000)

    waits = [round((later - earlier) / MS) for earlier, later in itertools.pairwise(rig.of(Command))]
    assert waits[:6] == [14, 15, 15, 15, 30, 42]  # the first one was sent between two turns
    assert max(waits) == 42  # a twelfth of its time
    assert rig.ends() == [(1, AckStatus.UNKNOWN)]
    given_up_ns = rig.acks[0].done_at_ns
    assert given_up_ns - START_NS >= 1500 * MS
    assert rig.of(Command)[-1] < given_up_ns


def test_a_command_that_arrives_late_is_refused_by_the_board(rig: Rig) -> None:
    rig.ready()
    rig.there = without(Command)
    rig.submit(1, valid_ms=100)
    rig.run(110)
    rig.there = good
    rig.run(300)

    assert rig.ends() == [(1, AckStatus.FAILED)]
    assert "late" in rig.acks[0].detail
    assert rig.movements == []


def test_a_command_for_later_moves_at_its_moment(rig: Rig) -> None:
    rig.ready()
    submitted_us = rig.now_ns / 1000
    rig.submit(1, valid_ms=500, after_ms=300)
    rig.run(600)

    error_us = 20_000
    assert abs(rig.movements[0].started_us - submitted_us - 300_000) < error_us
    assert len(rig.of(Command)) == 1  # nobody asks before it can have ended


def test_as_many_commands_as_the_boards_queue_are_on_their_way_at_once(rig: Rig) -> None:
    rig.ready()
    for seq in range(1, 9):
        assert rig.host.ready(rig.now_ns)
        rig.submit(seq, channel=seq % 4, valid_ms=1000)
    full = rig.host.ready(rig.now_ns)
    rig.submit(9)
    rig.run(1500)

    assert not full
    assert sorted(rig.ends()) == [*((seq, AckStatus.DONE) for seq in range(1, 9)), (9, AckStatus.FAILED)]
    assert sorted(one.seq for one in rig.movements) == list(range(1, 9))
    assert rig.host.ready(rig.now_ns)


def test_no_command_leaves_the_boards_window_of_numbers(rig: Rig) -> None:
    """A lost last word must not be asked for when the board has forgotten it."""
    rig.ready()
    rig.back = lambda frame: [] if isinstance(frame, Accepted | Done) and frame.seq == 1 else [frame]
    rig.submit(1, valid_ms=20_000)
    newest = 1
    for seq in range(2, 60):
        rig.run(100)
        if not rig.host.ready(rig.now_ns):
            break
        rig.submit(seq)
        newest = seq
    rig.back = good
    rig.run(500)

    assert newest == 32
    assert Counter(status for _, status in rig.ends()) == {AckStatus.DONE: 32}


def test_the_numbers_go_round(rig: Rig) -> None:
    rig.ready()
    for seq in range(2**32 - 3, 2**32 + 3):
        rig.submit(seq)
        rig.run(100)

    assert rig.ends() == [(seq, AckStatus.DONE) for seq in range(2**32 - 3, 2**32 + 3)]


def test_a_jam_is_a_failure_and_an_unknown_channel_too(rig: Rig) -> None:
    rig.ready()
    rig.board.jam(jammed=1)
    rig.submit(1)
    rig.run(150)
    rig.submit(2, channel=200)
    rig.run(150)

    assert rig.ends() == [(1, AckStatus.FAILED), (2, AckStatus.FAILED)]
    assert ["jammed" in rig.acks[0].detail, "no such channel" in rig.acks[1].detail] == [True, True]


def test_a_reason_that_a_later_version_adds_is_unknown(rig: Rig) -> None:
    rig.ready()
    rig.back = lambda frame: [Failed(frame.session, frame.seq, 77, 0)] if isinstance(frame, Accepted) else [frame]
    rig.submit(1)
    rig.run(50)

    assert rig.ends() == [(1, AckStatus.UNKNOWN)]


def test_an_answer_that_comes_twice_counts_once(rig: Rig) -> None:
    rig.ready()
    rig.back = lambda frame: [frame, frame, frame]
    rig.submit(1)
    rig.run(300)

    assert rig.ends() == [(1, AckStatus.DONE)]


def test_an_answer_after_the_command_was_given_up_is_told_and_changes_nothing(rig: Rig) -> None:
    rig.ready()
    rig.back = without(Accepted, Done)
    rig.submit(1, valid_ms=50)
    rig.until(lambda: bool(rig.acks))
    rig.host.feed(line_of(Done(rig.host._session, 1, 0, 0)), rig.now_ns)
    rig.step()

    assert rig.ends() == [(1, AckStatus.UNKNOWN)]
    assert [event.kind for event in rig.told] == ["late-reply"]


def test_home_lets_every_output_rest_and_takes_commands_afterwards(rig: Rig) -> None:
    rig.ready()
    rig.host.submit(SortCommand(1, "home", 0, rig.now_ns, rig.now_ns + 500 * MS), rig.now_ns, HOME)
    rig.run(300)
    rig.submit(2)
    rig.run(300)

    assert rig.ends() == [(1, AckStatus.DONE), (2, AckStatus.DONE)]
    assert [one.action for one in rig.movements] == [HOME, 0]


# The heartbeat and the lease


def test_the_board_rests_when_the_loop_hangs_and_works_again_when_it_turns(rig: Rig) -> None:
    rig.ready()
    rig.loop_turns = False
    hung_ns = rig.now_ns
    rig.until(lambda: rig.board.view().state == State.SAFE)
    rested_ns = rig.now_ns
    rig.submit(1)
    rig.run(500)
    still = rig.board.view().state
    rig.loop_turns = True
    rig.until(lambda: rig.host.ready(rig.now_ns))
    rig.submit(2)
    rig.run(200)

    assert 400 * MS <= rested_ns - hung_ns <= 500 * MS  # 0.4 s of trust in the loop, then the next beat ends the lease
    assert still == State.SAFE
    assert rig.ends() == [(1, AckStatus.FAILED), (2, AckStatus.DONE)]
    assert [event.kind for event in rig.told] == ["board-rested", "board-armed"]
    assert "living host" in rig.told[0].detail


def test_the_board_rests_half_a_second_after_the_host_falls_silent(rig: Rig) -> None:
    rig.ready()
    rig.submit(1, channel=2, valid_ms=5000, after_ms=4000)
    rig.run(20)
    rig.there = cut
    gone_ns = rig.now_ns
    rig.until(lambda: rig.board.view().state == State.SAFE)

    assert rig.now_ns - gone_ns <= 551 * MS
    rig.run(6000)
    assert rig.movements == []


def test_movements_that_a_lapse_ended_are_told_as_what_they_are(rig: Rig) -> None:
    rig.ready()
    rig.submit(1, channel=1, valid_ms=5000)
    rig.submit(2, channel=2, valid_ms=5000, after_ms=3000)
    rig.board.close()
    rig.board = TwinBoard(BoardOptions(boot=1, hold_ms=2000), rig.now_ns // 1000)
    rig.host.start(rig.now_ns)
    rig.until(lambda: rig.host.ready(rig.now_ns))
    rig.acks.clear()
    rig.submit(3, channel=1, valid_ms=5000)
    rig.submit(4, channel=2, valid_ms=5000, after_ms=3000)
    rig.run(50)
    rig.loop_turns = False
    rig.run(1500)

    assert sorted(rig.ends()) == [(3, AckStatus.UNKNOWN), (4, AckStatus.FAILED)]
    details = {ack.seq: ack.detail for ack in rig.acks}
    assert "during the movement" in details[3]
    assert "before the movement began" in details[4]


def test_a_rest_between_two_beats_is_not_overseen(rig: Rig) -> None:
    """A late ARM of before the rest must not arm the board again."""
    rig.ready()
    old = next(frame for _, frame in rig.sent if isinstance(frame, Arm))
    rig.loop_turns = False
    rig.until(lambda: rig.board.view().state == State.SAFE)
    rig.board.feed(line_of(old), rig.now_ns // 1000)

    assert rig.board.view().state == State.SAFE


# Losing the link


def test_silence_is_known_within_0_7_s_and_leaves_what_was_unanswered_unknown(rig: Rig) -> None:
    rig.ready()
    rig.submit(1, valid_ms=5000)
    rig.there, rig.back = without(Command), cut
    cut_ns = rig.now_ns
    rig.until(lambda: rig.host.phase is Phase.FAILED)

    assert rig.now_ns - cut_ns <= 700 * MS
    assert rig.ends() == [(1, AckStatus.UNKNOWN)]
    assert [event.kind for event in rig.told] == ["link-down"]


def test_a_failed_link_says_nothing_until_it_is_started_and_then_in_a_new_session(rig: Rig) -> None:
    rig.ready()
    rig.back = cut
    rig.until(lambda: rig.host.phase is Phase.FAILED)
    rig.back = good
    said = len(rig.sent)
    rig.run(1000)
    silent = len(rig.sent) == said
    rig.submit(1)
    rig.host.start(rig.now_ns, "there")
    rig.until(lambda: rig.host.ready(rig.now_ns))

    assert silent
    assert rig.ends() == [(1, AckStatus.FAILED)]
    assert [(event.kind, event.detail) for event in rig.told] == [
        ("link-down", "the board fell silent"),
        ("link-up", "there"),
    ]
    assert len({frame.session for _, frame in rig.sent if isinstance(frame, Hello)}) == 2


def test_a_board_that_restarts_is_noticed_and_its_commands_are_unknown(rig: Rig) -> None:
    rig.ready()
    rig.submit(1, valid_ms=5000, after_ms=2000)
    rig.run(20)
    rig.restart()
    taken = rig.until(lambda: rig.host.phase is Phase.FAILED)
    rig.host.start(rig.now_ns)
    rig.until(lambda: rig.host.ready(rig.now_ns))

    assert taken <= 60  # the next beat is foreign to it
    assert [(event.kind, event.detail) for event in rig.told] == [
        ("link-down", "the board restarted"),
        ("link-up", ""),
        ("board-restarted", "watchdog: the program hung; boot 0x00000002, firmware 1.0.0"),
    ]
    assert rig.ends() == [(1, AckStatus.UNKNOWN)]
    assert rig.host.board is not None
    assert rig.host.board.boot == 2
    rig.run(5000)
    assert rig.movements == []


def test_another_host_that_takes_the_board_is_noticed(rig: Rig) -> None:
    rig.ready()
    rig.board.feed(line_of(Hello(1, 0, 999)), rig.now_ns // 1000)
    rig.until(lambda: rig.host.phase is Phase.FAILED, 100)

    assert "another host" in rig.told[0].detail
    assert (rig.host.has_rival, rig.host.greet_ns <= rig.now_ns) == (False, True)


def test_a_host_that_takes_the_board_again_and_again_is_named_and_ever_longer_left_alone(rig: Rig) -> None:
    rig.ready()
    pauses_ms = []
    for other in range(901, 907):
        rig.run(20)
        rig.board.feed(line_of(Hello(1, 0, other)), rig.now_ns // 1000)
        rig.until(lambda: rig.host.phase is Phase.FAILED, 100)
        pauses_ms.append(rig.until(lambda: rig.now_ns >= rig.host.greet_ns, 6000))
        rig.ready()
    downs = [event.detail for event in rig.told if event.kind == "link-down"]

    assert pauses_ms == [0, 1000, 2000, 5000, 5000, 5000]
    assert [detail.startswith("another host uses this port") for detail in downs] == [False, *[True] * 5]
    rig.run(1500)
    rig.board.feed(line_of(Hello(1, 0, 907)), rig.now_ns // 1000)
    rig.until(lambda: rig.host.phase is Phase.FAILED, 100)
    assert not rig.host.has_rival  # a second of peace, and it is as before


def test_a_pause_of_this_process_alone_is_no_silence_of_the_board(rig: Rig) -> None:
    """Suspended for ten seconds: the answers wait in the kernel and are read before time is judged."""
    rig.ready()
    rig.run(60)
    rig.board.tick(rig.now_ns // 1000)
    suspended_ns = rig.now_ns
    for _ in range(10_000):
        rig.now_ns += MS
        rig.board.tick(rig.now_ns // 1000)
    rig.run(100)

    assert rig.host.phase is Phase.TALKING
    assert [event.kind for event in rig.told] == ["board-rested", "board-armed"]
    rested = rig.told[0]
    assert 400 * MS <= rested.at_ns - suspended_ns <= 520 * MS  # the board's own time, not that of our awaking
    assert "9.5 s before this was read" in rested.detail


# Stopping


def test_stop_overtakes_the_queue_and_is_repeated_until_it_is_heard(rig: Rig) -> None:
    rig.ready()
    rig.submit(1, valid_ms=5000, after_ms=2000)
    rig.run(10)
    rig.there = without(Stop)
    rig.host.stop(rig.now_ns)
    rig.run(100)
    unheard = rig.host.at_rest
    rig.there = good
    rig.until(lambda: rig.host.at_rest, 300)
    rig.submit(2)
    rig.run(3000)

    assert not unheard
    assert len(rig.of(Stop)) >= 3
    assert rig.board.view().state == State.SAFE
    assert rig.ends() == [(2, AckStatus.FAILED), (1, AckStatus.FAILED)] or rig.ends() == [
        (1, AckStatus.FAILED),
        (2, AckStatus.FAILED),
    ]
    assert rig.movements == []
    assert not rig.host.ready(rig.now_ns)
    assert rig.told == []


def test_no_beat_renews_after_a_stop_that_nobody_heard(rig: Rig) -> None:
    rig.ready()
    rig.there = without(Stop)
    rig.host.stop(rig.now_ns)
    rig.run(700)

    assert rig.board.view().state == State.SAFE


# Sensors and counters


def test_sensor_events_come_once_in_order_and_their_gaps_are_told(rig: Rig) -> None:
    rig.ready()
    for number in range(6):
        rig.back = cut if number in (2, 3) else lambda frame: [frame, frame]
        rig.board.sense(number % 2 == 0, rig.now_ns // 1000)
        rig.run(5)
    rig.run(20)

    assert [(event.number, event.kind) for event in rig.sensed] == [
        (0, "item"), (1, "clear"), (4, "item"), (5, "clear"),
    ]  # fmt: skip
    assert [(event.kind, event.detail) for event in rig.told] == [("sensor-events-lost", "2 before number 4")]


def test_a_sensors_moment_is_told_in_our_time(rig: Rig) -> None:
    rig.ready()
    rig.run(500)
    seen_ns = rig.now_ns
    rig.board.sense(True, seen_ns // 1000)
    rig.run(20)

    assert abs(rig.sensed[0].at_ns - seen_ns) < 2 * MS


def test_the_report_has_both_ends_counters(rig: Rig) -> None:
    rig.ready()
    rig.submit(1)
    rig.board.feed(b"\0noise\0", rig.now_ns // 1000)
    rig.host.feed(b"\0noise\0", rig.now_ns)
    rig.run(200)
    rig.host.ask(rig.now_ns)
    rig.run(10)
    report = rig.host.report(rig.now_ns)

    assert report.counters is not None
    assert (report.counters.moved, report.counters.bad_frame) == (1, 1)
    assert (report.line.bad_frame, report.line.bad_crc) == (1, 0)
    assert (report.state, report.beats_unanswered) == (State.ARMED, 0)
    assert report.round_trip_ms == pytest.approx(1, abs=0.5)
    assert report.clock_error_us < 2000


def test_the_trace_is_bounded_and_tells_what_was_damaged(rig: Rig) -> None:
    rig.ready()
    rig.run(20_000)
    newest = rig.host.trace()[-1].number
    rig.host.feed(b"\0noise\0", rig.now_ns)

    assert len(rig.host.trace()) == 256
    assert [(one.number, one.frame, one.noise) for one in rig.host.trace(newest)] == [(newest + 1, None, b"noise")]


def test_text_that_comes_instead_of_a_welcome_is_in_the_trace_with_all_that_was_said(rig: Rig) -> None:
    """It has no zeros, so that nothing ends it but silence."""
    rig.there = rig.back = cut
    rig.host.start(rig.now_ns)
    for text in (b"READY my-", b"board 1.0\r\n"):
        rig.run(30)
        rig.host.feed(text, rig.now_ns)
    rig.run(400)
    long = b"x" * 45 + b"y" * 45 + b"\n"
    rig.host.feed(long, rig.now_ns)
    rig.run(400)
    seen = [passage_of(one) for one in rig.host.trace() if not one.outgoing]

    assert [one.text for one in seen] == ["'READY my-board 1.0\\r\\n'", repr(long.decode()[:64])]
    assert {one.trouble for one in seen} == {"damaged: no frame"}
    assert rig.host.report(rig.now_ns).line.bad_frame == 2


def test_noise_between_frames_is_shown_in_hexadecimal(rig: Rig) -> None:
    rig.ready()
    newest = rig.host.trace()[-1].number
    rig.host.feed(b"\0\xfe\x8a\0", rig.now_ns)

    assert [passage_of(one).text for one in rig.host.trace(newest)] == ["fe 8a"]


# Everything at once


@pytest.mark.parametrize("seed", range(6))
def test_on_a_bad_wire_nothing_moves_twice_or_late_and_every_command_ends_once(rig: Rig, seed: int) -> None:
    """Loses, repeats and delays frames in both directions; the board restarts now and then."""
    rng = random.Random(seed)
    held: list[tuple[Frame, int]] = []

    def bad(frame: Frame) -> list[Frame]:
        out = [one for one, due_ns in held if due_ns <= rig.now_ns and type(one).TYPE >> 7 == type(frame).TYPE >> 7]
        held[:] = [(one, due_ns) for one, due_ns in held if one not in out]
        fate = rng.random()
        if fate < 0.2:
            return out
        if fate < 0.3:
            held.append((frame, rig.now_ns + rng.randrange(300) * MS))
        return [*out, frame, frame] if fate > 0.9 else [*out, frame]

    rig.ready()
    rig.there = rig.back = bad
    boots, ends = itertools.count(3), {}
    for seq in range(1, 201):
        ends[seq] = rig.now_ns + 200 * MS
        rig.submit(seq, channel=seq % 8)
        rig.run(rng.randrange(20, 120))
        if rig.host.phase is Phase.FAILED:
            rig.host.start(rig.now_ns)
        if seq % 50 == 0:
            rig.board.close()
            rig.board = TwinBoard(BoardOptions(boot=next(boots)), rig.now_ns // 1000)
    rig.there = rig.back = good
    rig.run(3000)

    status = dict(rig.ends())
    moves = Counter(one.seq for one in rig.movements if one.code == 0)
    assert len(rig.acks) == len(status) == 200
    assert max(moves.values()) == 1
    assert [one.seq for one in rig.movements if one.started_us * 1000 > ends[one.seq]] == []
    assert {moves[seq] for seq, end in status.items() if end is AckStatus.DONE} == {1}
    assert {moves[seq] for seq, end in status.items() if end is AckStatus.FAILED} <= {0}


def test_beats_are_20_a_second_and_say_whether_the_loop_turns(rig: Rig) -> None:
    rig.ready()
    rig.run(1000)
    rig.loop_turns = False
    rig.run(1000)
    beats = [(at_ns, frame.renew) for at_ns, frame in rig.sent if isinstance(frame, Beat)]

    assert 38 <= len(beats) <= 44
    assert {renew for at_ns, renew in beats if at_ns - START_NS < 1000 * MS} == {1}
    assert {renew for at_ns, renew in beats[-10:]} == {Lease.END}


def test_a_welcome_that_comes_again_changes_nothing(rig: Rig) -> None:
    rig.ready()
    assert isinstance(rig.host.board, Welcome)
    rig.submit(1)
    rig.host.feed(line_of(rig.host.board), rig.now_ns)
    rig.run(200)

    assert rig.ends() == [(1, AckStatus.DONE)]


@st.composite
def _from_the_board(draw: st.DrawFn, session: int = 102) -> bytes:
    """Any frame with a right CRC, most of them of the session of the moment, or plain noise."""
    kind = draw(st.sampled_from(FRAMES))
    codes = kind.LAYOUT.format.lstrip("<")
    limits = {"B": (0, 255), "H": (0, 2**16 - 1), "I": (0, 2**32 - 1), "i": (-(2**31), 2**31 - 1)}
    frame = kind(*(draw(st.integers(*limits[code])) for code in codes))
    ours = draw(st.integers(0, 9)) > 0
    return draw(st.one_of(st.just(line_of(replace(frame, session=session) if ours else frame)), st.binary(max_size=60)))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_from_the_board(), st.integers(0, 300)), max_size=25))
def test_whatever_a_board_says_nothing_breaks_and_every_command_ends_once(said: list[tuple[bytes, int]]) -> None:
    sessions = itertools.count(101)
    host, now_ns, acks = Conversation(lambda: next(sessions)), START_NS, Counter[int]()
    host.start(now_ns)
    for seq, (line, ms) in enumerate(said):
        host.alive(now_ns)
        host.submit(SortCommand(seq, "cans", 1, now_ns, now_ns + 200 * MS), now_ns)
        host.feed(line, now_ns)
        host.tick(now_ns)
        now_ns += ms * MS
        Receiver().feed(host.take_bytes())
        acks.update(event.seq for event in host.take_events() if isinstance(event, Ack))
    host.close(now_ns)
    acks.update(event.seq for event in host.take_events() if isinstance(event, Ack))

    assert acks == Counter(range(len(said)))
