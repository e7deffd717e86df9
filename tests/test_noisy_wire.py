"""The line that the link is tried with does what it says, in the shares it says."""

import random
from collections import Counter

import pytest
from noisy_wire import Noise, NoisyWire

MS = 1_000_000
TEXT = bytes(range(20))


def passed(noise: Noise, writes: int, seed: int = 1) -> tuple[bytes, NoisyWire]:
    """What comes of so many writes, one every 10 ms."""
    wire = NoisyWire(noise, random.Random(seed))
    for number in range(writes):
        wire.write(TEXT, number * 10 * MS)
    return wire.read(1 << 62), wire


def test_a_good_line_changes_nothing_and_takes_its_time() -> None:
    wire = NoisyWire(Noise(jitter_s=0), random.Random(1))
    wire.write(TEXT, 5 * MS)
    wire.write(b"!", 5 * MS)

    assert wire.due_ns == 5 * MS + 20 * 86_806
    assert wire.read(wire.due_ns - 1) == b""
    assert wire.read(wire.due_ns) == TEXT
    assert wire.read(5 * MS + 20 * 86_806) == b""
    assert wire.read(5 * MS + 21 * 86_806) == b"!"
    assert wire.due_ns is None


@pytest.mark.parametrize("share", [0.01, 0.2])
def test_bytes_are_lost_changed_and_doubled_in_the_shares_asked_for(share: float) -> None:
    writes = 5000
    count = writes * len(TEXT)
    lost, _ = passed(Noise(loss=share), writes)
    doubled, _ = passed(Noise(doubling=share), writes)
    changed, wire = passed(Noise(corruption=share), writes)

    assert len(lost) / count == pytest.approx(1 - share, rel=share)
    assert len(doubled) / count == pytest.approx(1 + share, rel=share)
    different = sum(one != other for one, other in zip(changed, TEXT * writes, strict=True))
    assert different == wire.spoilt
    assert different / count == pytest.approx(share, rel=0.1)


def test_all_that_happens_to_bytes_happens_at_once() -> None:
    _, wire = passed(Noise(loss=0.1, corruption=0.1, doubling=0.1), 1000)

    assert wire.spoilt / (1000 * len(TEXT)) == pytest.approx(0.3, rel=0.05)


def test_a_write_that_is_replayed_comes_whole_once_more_within_three_seconds() -> None:
    wire = NoisyWire(Noise(replay=1.0), random.Random(3))
    wire.write(TEXT, 0)

    assert wire.read(3 * MS) == TEXT
    assert wire.due_ns is not None
    assert wire.read(3100 * MS) == TEXT
    assert wire.due_ns is None


def test_a_stall_holds_up_all_behind_it_and_keeps_the_order() -> None:
    got, wire = passed(Noise(stall=0.5, stall_s=1.0), 50)
    assert got == TEXT * 50

    wire = NoisyWire(Noise(stall=1.0, stall_s=1.0, jitter_s=0), random.Random(1))
    wire.write(TEXT, 0)
    assert wire.due_ns is not None
    assert wire.due_ns > 100 * MS


def test_what_is_cut_never_arrives() -> None:
    wire = NoisyWire(Noise(replay=1.0), random.Random(1))
    wire.write(TEXT, 0)
    wire.cut()

    assert wire.read(1 << 62) == b""


def test_another_seed_is_another_line_and_the_same_is_the_same() -> None:
    noise = Noise(loss=0.1, corruption=0.1, doubling=0.1, replay=0.1, stall=0.1)
    results = Counter(passed(noise, 100, seed)[0] for seed in (1, 1, 2))

    assert sorted(results.values()) == [1, 2]


@pytest.mark.parametrize("shares", [{"loss": 0.6, "corruption": 0.4}, {"loss": -0.1}, {"replay": 1.1}])
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="share"):
        Noise(**shares)
