"""The board's promises, in virtual time through the shared library: sessions, latch, lease, commands, movements."""

import random
from collections.abc import Iterator

import pytest
from firmware.conversing import MS, SESSION, Talk
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.sorter.frames import (
    Accepted,
    Arm,
    Ask,
    Beat,
    Code,
    Counters,
    Done,
    Event,
    Failed,
    Foreign,
    Frame,
    Hello,
    Pulse,
    Refused,
    StateTold,
    Stop,
    Welcome,
)
from appliance.sorter.wire import line_of
from appliance.twin_board import BoardOptions, BoardView, Movement, TwinBoard, boot_number

OTHER = SESSION + 1


@pytest.fixture
def talk() -> Iterator[Talk]:
    """A board that nobody has spoken to."""
    one = Talk(boot=77, hold_ms=30, return_ms=20, channels=6)
    yield one
    one.board.close()


def counters(talk: Talk, session: int = SESSION) -> Counters:
    [found] = talk.say(Ask(session))
    assert isinstance(found, Counters)
    return found


# Sessions and the latch


def test_a_hello_is_answered_with_what_the_board_is(talk: Talk) -> None:
    talk.wait(1234)

    assert talk.hello() == [
        Welcome(1, 0, SESSION, 77, 1, 0, 0, 7, 6, 8, 500, 10_000, 50, 0, 0, 1, 79, 1234),
    ]


def test_the_same_hello_again_changes_nothing(talk: Talk) -> None:
    talk.armed()
    talk.say(talk.command(1))

    assert [type(frame) for frame in talk.hello()] == [Welcome]
    assert talk.board.view() == BoardView(SESSION, 2, 1, 79, 0, 1, True, frozenset({0}))


def test_a_new_session_interrupts_cancels_and_forgets(talk: Talk) -> None:
    talk.armed()
    talk.say(talk.command(1), talk.command(2, 1, after=20 * MS))
    talk.wait(10 * MS)
    told = talk.hello(OTHER)

    assert told[:2] == [
        Failed(SESSION, 2, Code.CANCELLED, talk.now),
        Failed(SESSION, 1, Code.INTERRUPTED, talk.now),
    ]
    assert isinstance(told[2], Welcome)
    assert (told[2].last_session, told[2].last_seq, told[2].latch) == (SESSION, 1, 80)
    assert talk.board.movements() == [Movement(SESSION, 1, 0, 0, 0, talk.now, Code.INTERRUPTED)]


def test_another_major_version_is_refused_and_nothing_changes(talk: Talk) -> None:
    talk.armed()
    before = talk.board.view()

    assert talk.say(Hello(2, 0, OTHER)) == [Refused(1, 0, OTHER, 1)]
    assert talk.board.view() == before


def test_another_minor_version_is_welcome(talk: Talk) -> None:
    assert [type(frame) for frame in talk.say(Hello(1, 9, SESSION))] == [Welcome]


@pytest.mark.parametrize("session", [0, OTHER])
def test_a_foreign_session_changes_nothing_and_is_told_so_at_most_every_10_ms(talk: Talk, session: int) -> None:
    talk.armed()
    before = talk.board.view()
    foreign: list[Frame] = [
        Arm(session, talk.latch),
        Beat(session, 1, 1),
        talk.command(5, session=session),
        Stop(session),
        Ask(session),
    ]

    assert talk.say(*foreign) == [Foreign(77, session)]
    assert talk.wait(10 * MS - 1) == []
    assert talk.say(*foreign) == []
    talk.wait(1)
    assert talk.say(*foreign) == [Foreign(77, session)]
    assert talk.board.view() == before
    assert counters(talk).foreign == 15


def test_before_any_session_everything_is_foreign(talk: Talk) -> None:
    assert talk.beat() == [Foreign(77, SESSION)]
    assert talk.board.view().state == 0


def test_an_arm_of_an_earlier_latch_does_not_fit(talk: Talk) -> None:
    talk.hello()
    old = Arm(SESSION, talk.latch)
    talk.say(Stop(SESSION))

    assert talk.say(old) == [StateTold(SESSION, 1, 3, talk.latch, 0)]
    assert not talk.board.view().pulsing


def test_the_latch_goes_up_with_every_rest_and_round(talk: Talk) -> None:
    talk.armed()
    first = talk.latch
    for _ in range(300):
        talk.say(Stop(SESSION))

    assert talk.latch == (first + 300) % 256


def test_no_pulses_before_the_first_arm_and_none_half_a_second_after_rest(talk: Talk) -> None:
    talk.hello()
    talk.say(Stop(SESSION))
    assert not talk.board.view().pulsing
    talk.say(Arm(SESSION, talk.latch))
    assert talk.board.view().pulsing
    talk.say(Stop(SESSION))
    talk.wait(500 * MS - 1)
    assert talk.board.view().pulsing
    talk.wait(1)
    assert not talk.board.view().pulsing


# The lease


def test_the_lease_ends_to_the_microsecond_and_is_told_once(talk: Talk) -> None:
    talk.armed()
    talk.wait(300 * MS)
    talk.beat()

    assert talk.wait(500 * MS - 1) == []
    assert talk.wait(1) == [StateTold(SESSION, 1, 2, 80, talk.now)]
    assert talk.wait(3600 * 1000 * MS) == []
    assert counters(talk).lapsed == 1


def test_nothing_but_a_renewing_beat_renews(talk: Talk) -> None:
    talk.armed()
    talk.wait(400 * MS)
    talk.beat(renew=0)
    talk.say(Ask(SESSION), Arm(SESSION, talk.latch), talk.command(1))
    talk.hello()

    assert talk.wait(100 * MS)[-1] == StateTold(SESSION, 1, 2, 80, talk.now)


def test_a_beat_may_end_the_lease_at_once(talk: Talk) -> None:
    talk.armed()
    talk.wait(100 * MS)
    told = talk.beat(renew=2)

    assert [type(frame) for frame in told] == [StateTold, Pulse]
    assert (talk.board.view().state, talk.board.view().why) == (1, 2)


def test_an_older_beat_ends_nothing(talk: Talk) -> None:
    talk.armed()
    talk.say(Beat(SESSION, 10, 1))
    talk.say(Beat(SESSION, 9, 2))

    assert talk.board.view().state == 2


def test_a_late_or_repeated_beat_keeps_nothing_alive(talk: Talk) -> None:
    talk.armed()
    talk.say(Beat(SESSION, 65_535, 1))
    talk.wait(100 * MS)
    talk.say(Beat(SESSION, 1, 1))
    talk.wait(400 * MS)
    for old in (1, 0, 65_535, 40_000):
        talk.say(Beat(SESSION, old, 1))
    talk.wait(100 * MS)

    assert talk.board.view().why == 2


def test_after_arming_again_any_beat_renews(talk: Talk) -> None:
    talk.armed()
    talk.say(Beat(SESSION, 30_000, 1))
    talk.wait(500 * MS)
    talk.say(Arm(SESSION, talk.latch))
    talk.wait(400 * MS)
    talk.say(Beat(SESSION, 5, 1))
    talk.wait(400 * MS)

    assert talk.board.view().state == 2


def test_a_frame_that_comes_with_the_end_of_the_lease_comes_after_it(talk: Talk) -> None:
    talk.armed()
    talk.now += 500 * MS
    told = talk.say(Beat(SESSION, 9, 1), talk.command(1))

    assert [type(frame) for frame in told] == [StateTold, Pulse, Failed]
    assert talk.board.movements() == []


def test_a_lapse_brings_back_what_is_out(talk: Talk) -> None:
    talk.board.close()
    talk.board = TwinBoard(BoardOptions(hold_ms=2000, return_ms=20))
    talk.armed()
    talk.say(talk.command(1, 4), talk.command(2, 5, after=900 * MS))
    assert talk.board.view().out == {4}
    told = talk.wait(500 * MS)

    assert [getattr(frame, "code", None) for frame in told] == [Code.CANCELLED, Code.INTERRUPTED, None]
    assert talk.board.view().out == frozenset()


# Commands


def test_a_command_is_accepted_and_done_and_moves_once(talk: Talk) -> None:
    talk.armed()

    assert talk.say(talk.command(7, 3)) == [Accepted(SESSION, 7, 0)]
    assert talk.board.view().out == {3}
    talk.wait(30 * MS)
    assert talk.board.view().out == frozenset()
    assert talk.wait(20 * MS) == [Done(SESSION, 7, 0, 50 * MS)]
    assert talk.board.movements() == [Movement(SESSION, 7, 0, 3, 0, 50 * MS, 0)]


def test_a_repeated_command_is_answered_with_what_is_known_and_never_repeated(talk: Talk) -> None:
    talk.armed()
    command = talk.command(7, after=10 * MS)
    late = talk.command(8, within=0, not_before=2**32 - 2, not_after=2**32 - 1)
    refused = talk.say(command, late)[1]

    assert talk.say(command) == [Accepted(SESSION, 7, 0)]
    talk.wait(20 * MS)
    assert talk.say(command) == [Accepted(SESSION, 7, talk.now)]
    [done] = talk.wait(40 * MS)
    assert talk.say(command, command) == [done, done]
    assert talk.say(late) == [refused]
    assert len(talk.board.movements()) == 1
    assert counters(talk).repeated == 5


def test_only_the_last_32_numbers_are_known(talk: Talk) -> None:
    talk.armed()
    old = [talk.command(seq, within=0) for seq in range(100, 132)]
    talk.say(old[0])
    talk.alive(100 * MS)
    talk.say(talk.command(131, channel=9))

    assert [type(frame) for frame in talk.say(old[0])] == [Done]
    talk.say(talk.command(132, channel=9))
    assert talk.say(old[0]) == [Failed(SESSION, 100, Code.TOO_OLD, talk.now)]
    assert len(talk.board.movements()) == 1


def test_a_command_that_was_overtaken_still_moves(talk: Talk) -> None:
    talk.armed()
    first, second = talk.command(1, 0), talk.command(2, 1)

    assert talk.say(second, first) == [Accepted(SESSION, 2, 0), Accepted(SESSION, 1, 0)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"latch": 3}, Code.NOT_ARMED),
        ({"channel": 6}, Code.CHANNEL),
        ({"action": 1, "channel": 1}, Code.CHANNEL),
        ({"action": 2}, Code.CHANNEL),
        ({"not_before": 0, "not_after": 999}, Code.LATE),
        ({"not_before": 10_001_001, "not_after": 10_002_000}, Code.HORIZON),
        ({"latch": 3, "channel": 9}, Code.NOT_ARMED),
    ],
)
def test_what_cannot_be_taken_fails_at_once_with_its_reason(talk: Talk, change: dict[str, int], code: Code) -> None:
    talk.armed()
    talk.wait(1000)
    channel = change.pop("channel", 0)

    assert talk.say(talk.command(1, channel, **change)) == [Failed(SESSION, 1, code, 1000)]
    assert talk.board.view().moving == 0
    assert counters(talk).failed == 1


def test_a_safe_board_takes_no_command(talk: Talk) -> None:
    talk.hello()

    assert talk.say(talk.command(1)) == [Failed(SESSION, 1, Code.NOT_ARMED, 0)]


def test_it_begins_at_not_before_and_at_the_latest_at_not_after(talk: Talk) -> None:
    talk.armed()
    talk.say(talk.command(1, 0, after=70 * MS, within=0), talk.command(2, 0, after=70 * MS, within=50 * MS))
    talk.say(talk.command(3, 0, after=70 * MS, within=99_999))
    told = [frame for frame in talk.alive(400 * MS) if not isinstance(frame, Accepted)]

    assert told == [
        Done(SESSION, 1, 70 * MS, 120 * MS),
        Done(SESSION, 2, 120 * MS, 170 * MS),
        Failed(SESSION, 3, Code.LATE, 170 * MS),
    ]


def test_the_queue_is_ordered_by_time_and_bounded(talk: Talk) -> None:
    talk.armed()
    afters = [80, 20, 60, 40, 70, 10, 50, 30]
    said = talk.say(*(talk.command(seq, seq % 6, after=after * MS) for seq, after in enumerate(afters)))
    assert {type(frame) for frame in said} == {Accepted}
    assert talk.say(talk.command(8, after=MS)) == [Failed(SESSION, 8, Code.FULL, 0)]
    talk.alive(300 * MS)

    begun = {one.seq: one.started_us // MS for one in talk.board.movements()}
    # Channel 0 is 0 and 6, channel 1 is 1 and 7: the later one waits for the earlier one's end.
    assert begun == {5: 10, 1: 20, 3: 40, 6: 50, 2: 60, 4: 70, 7: 70, 0: 100}


def test_home_waits_for_every_channel_and_every_channel_for_home(talk: Talk) -> None:
    talk.armed()
    talk.say(talk.command(1, 2), talk.command(2, action=1), talk.command(3, 0, after=60 * MS))
    told = [frame for frame in talk.alive(200 * MS) if isinstance(frame, Done)]

    assert told == [
        Done(SESSION, 1, 0, 50 * MS),
        Done(SESSION, 2, 50 * MS, 70 * MS),
        Done(SESSION, 3, 70 * MS, 120 * MS),
    ]


def test_stop_overtakes_the_queue(talk: Talk) -> None:
    talk.armed()
    talk.say(*(talk.command(seq, seq, after=5 * MS) for seq in range(6)))
    told = talk.say(Stop(SESSION))

    assert told == [Failed(SESSION, seq, Code.CANCELLED, 0) for seq in range(6)] + [StateTold(SESSION, 1, 3, 80, 0)]
    assert talk.alive(1000 * MS) == []
    assert talk.board.movements() == []


def test_a_machine_that_cannot_move_or_did_not_is_told(talk: Talk) -> None:
    talk.armed()
    talk.board.jam(refused=1, jammed=1)
    told = talk.say(talk.command(1), talk.command(2)) + talk.alive(100 * MS)

    assert told == [
        Accepted(SESSION, 1, 0),
        Failed(SESSION, 1, Code.JAMMED, 0),
        Accepted(SESSION, 2, 0),
        Failed(SESSION, 2, Code.JAMMED, 50 * MS),
    ]
    assert [(one.seq, one.code) for one in talk.board.movements()] == [(2, Code.JAMMED)]


# Time and numbers that go round


@pytest.mark.parametrize("start", [2**32 - 20 * MS, 2**31 - 20 * MS])
def test_board_time_goes_round_in_the_middle_of_everything(start: int) -> None:
    talk = Talk(board_time_us=start, hold_ms=30, return_ms=20).armed()
    talk.say(talk.command(1, after=10 * MS), talk.command(2, after=40 * MS, within=30 * MS))
    told = [frame for frame in talk.alive(450 * MS) if isinstance(frame, Done)]

    def at(moment: int) -> int:
        return (start + moment) % 2**32

    assert told == [Done(SESSION, 1, at(10 * MS), at(60 * MS)), Done(SESSION, 2, at(60 * MS), at(110 * MS))]
    assert talk.board.view().state == 2
    assert isinstance(talk.wait(500 * MS)[-1], StateTold)
    talk.board.close()


def test_sequence_numbers_go_round(talk: Talk) -> None:
    talk.armed()
    commands = [talk.command((2**32 - 3 + step) % 2**32, step) for step in range(6)]
    talk.say(*commands)
    talk.alive(200 * MS)

    assert sorted(one.seq for one in talk.board.movements()) == [0, 1, 2, *range(2**32 - 3, 2**32)]
    assert {type(frame) for frame in talk.say(*commands)} == {Done}
    assert talk.board.movements() == []


def test_long_silence_leaves_no_moment_behind(talk: Talk) -> None:
    talk.armed()
    talk.say(Ask(OTHER))
    talk.board.roll(1, talk.now)
    talk.heard()
    # 36 minutes later every kept moment would lie in the future again.
    for _ in range(5):
        talk.wait(36 * 60 * 1_000_000)
        assert talk.say(Ask(OTHER)) == [Foreign(77, OTHER)]


# Events and counters


def test_events_are_numbered_by_session_and_come_only_with_one(talk: Talk) -> None:
    talk.board.sense(True, talk.now)
    assert talk.heard() == []
    talk.hello()
    talk.board.sense(False, talk.now)
    talk.board.sense(False, talk.now)
    talk.board.roll(5, talk.now)
    talk.board.sense(True, talk.now)

    assert talk.heard() == [
        Event(SESSION, 0, 2, 0, 0),
        Event(SESSION, 1, 3, 0, 5),
        Event(SESSION, 2, 1, 0, 5),
    ]
    talk.hello(OTHER)
    talk.board.sense(False, talk.now)
    assert talk.heard() == [Event(OTHER, 0, 2, 0, 5)]


def test_the_encoder_is_told_every_100_ms_and_its_last_position_for_sure(talk: Talk) -> None:
    talk.hello()
    for step in range(1, 26):
        talk.board.roll(-step, talk.now)
        talk.now += 10 * MS
    heard = talk.wait(1000 * MS)

    told = [(frame.at, frame.position) for frame in heard if isinstance(frame, Event)]
    assert told == [(0, -1), (100 * MS, -10), (200 * MS, -20), (300 * MS, -25)]
    assert talk.wait(10**9) == []


def test_a_full_line_loses_frames_counts_them_and_blocks_nothing() -> None:
    talk = Talk(line_room=60, hold_ms=30, return_ms=20)
    talk.board.feed(line_of(Hello(1, 0, SESSION)), 0)
    for level in (True, False, True):
        talk.board.sense(level, 0)
    talk.board.feed(line_of(Ask(SESSION)), 0)
    first = talk.heard()

    assert [type(frame) for frame in first] == [Welcome]
    found = counters(talk)
    assert (found.events_lost, found.unsent) == (3, 1)
    talk.board.sense(False, 0)
    assert [frame.number for frame in talk.heard() if isinstance(frame, Event)] == [3]
    talk.board.close()


def test_every_counter_counts_what_it_says(talk: Talk) -> None:
    talk.armed()
    good = line_of(talk.command(1))
    talk.raw(good)
    talk.raw(good[:4] + bytes([good[4] ^ 1]) + good[5:])
    talk.raw(b"\0\x05\x01\x02\0" + b"x" * 60 + b"\0")
    talk.raw(line_of(StateTold(SESSION, 1, 1, 1, 1)))
    talk.board.overrun(3)

    assert counters(talk) == Counters(SESSION, 4, 1, 1, 2, 3, 1, 0, 0, 0, 0, 0, 0, 0)


def test_counters_stay_at_their_largest_value(talk: Talk) -> None:
    talk.hello()
    talk.raw(b"x\0" * 70_000)
    talk.board.overrun(65_535)
    talk.board.overrun(1)

    found = counters(talk)
    assert (found.bad_frame, found.overrun) == (65_535, 65_535)


def test_a_watchdogs_start_is_told() -> None:
    talk = Talk(reset=8, watchdogs=4)
    [welcome] = talk.hello()

    assert isinstance(welcome, Welcome)
    assert welcome.reset == 8
    assert counters(talk).watchdog == 4
    talk.board.close()


def test_a_pulse_tells_the_board_as_it_is(talk: Talk) -> None:
    talk.armed()
    talk.say(talk.command(1, after=20 * MS))
    talk.wait(5 * MS)

    assert talk.beat() == [Pulse(SESSION, 1, 5 * MS, 5 * MS, 2, 1, 79, 1)]


# Hostile bytes


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=120), st.integers(0, 30)), max_size=40), st.integers(0, 2**32 - 1))
def test_no_bytes_arm_move_or_break_it(pieces: list[bytes | int], seed: int) -> None:
    """Noise, and good frames of another session and latch, between noise."""
    talk = Talk(boot=seed)
    talk.hello()
    wrong: list[Frame] = [
        Arm(SESSION, (talk.latch + 1) % 256),
        talk.command(1),
        Arm(OTHER, talk.latch),
        Hello(2, 0, OTHER),
        Hello(1, 0, 0),
    ]
    for piece in pieces:
        talk.now += 777
        data = piece if isinstance(piece, bytes) else line_of(wrong[piece % len(wrong)])
        talk.raw(data)
    talk.raw(b"\0")

    assert talk.board.movements() == []
    assert talk.board.view().out == frozenset()
    assert talk.board.view().state == 1
    assert isinstance(talk.say(Ask(SESSION))[-1], Counters)
    talk.board.close()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 0.3))
def test_whatever_the_line_does_a_number_moves_at_most_once_and_never_late(seed: int, loss: float) -> None:
    dice = random.Random(seed)
    talk = Talk(hold_ms=5, return_ms=5).armed()
    meant: dict[int, tuple[int, int]] = {}
    under_way: list[bytes] = []
    for seq in range(40):
        command = talk.command(seq, seq % 6, after=dice.randrange(0, 40 * MS), within=20 * MS)
        meant[seq] = (command.not_before, command.not_after)
        under_way += [line_of(command)] * dice.randint(1, 3)
        dice.shuffle(under_way)
        while len(under_way) > 6:
            line = bytearray(under_way.pop())
            if dice.random() < loss:
                line[dice.randrange(len(line))] ^= dice.randrange(1, 256)
            talk.raw(bytes(line))
        talk.alive(dice.randrange(1, 15 * MS))
    talk.alive(200 * MS)

    moved = talk.board.movements()
    assert len({one.seq for one in moved}) == len(moved)
    assert all(meant[one.seq][0] <= one.started_us <= meant[one.seq][1] for one in moved)
    assert loss > 0.05 or moved != []
    talk.board.close()


# The number of a start


def test_boot_numbers_differ_through_power_cuts_in_the_middle_of_writing() -> None:
    dice = random.Random(5)
    records, seen = b"\xff" * 128, set()
    for _ in range(400):
        boot, after = boot_number(records, 3)
        changed = [place for place in range(128) if records[place] != after[place]]
        assert len(changed) <= 8
        cut = dice.choice([None, *range(9)])
        written = changed if cut is None else changed[:cut]
        records = bytes(after[place] if place in written else records[place] for place in range(128))
        if cut is None:
            assert boot not in seen
            seen.add(boot)
    assert len(seen) > 20


def test_noise_keeps_boards_apart() -> None:
    assert {boot_number(b"\xff" * 128, noise)[0] for noise in range(4096)} == {noise << 20 | 1 for noise in range(4096)}
