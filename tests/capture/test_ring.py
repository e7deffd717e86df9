"""The ring in shared memory: whole pictures or none, whoever dies when, and a size that nobody can change."""

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from support import ROOT

from appliance.capture.ring import RingReader, RingWriter, Shot, fingerprint, make_memory

HEIGHT, WIDTH = 48, 64
BYTES = HEIGHT * WIDTH * 3


def shot(number: int, height: int = HEIGHT, width: int = WIDTH) -> Shot:
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    return Shot(number, 1000 + number, 2000 + number, "v4l2", pixels, number % 3, number // 2, fingerprint(pixels))


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor = make_memory()
    yield descriptor
    os.close(descriptor)


def pair(memory: int) -> tuple[RingWriter, RingReader]:
    return RingWriter(memory, BYTES), RingReader(memory)


def same(one: Shot | None, other: Shot) -> bool:
    assert one is not None
    np.testing.assert_array_equal(one.pixels, other.pixels)
    return [getattr(one, name) for name in one.__slots__ if name != "pixels"] == [
        getattr(other, name) for name in other.__slots__ if name != "pixels"
    ]


def damage(memory: int, at: int) -> None:
    with mmap.mmap(memory, 0) as content:
        content[at] ^= 0xFF


def test_the_newest_picture_comes_out_as_it_went_in(memory: int) -> None:
    writer, reader = pair(memory)
    assert reader.newest(0) is None
    for number in range(1, 12):
        writer.write(shot(number))
        assert same(reader.newest(number - 1), shot(number))
        assert reader.newest(number) is None
        assert reader.newest_id == number
    reader.close()


def test_a_picture_is_a_copy_that_later_ones_do_not_change(memory: int) -> None:
    writer, reader = pair(memory)
    writer.write(shot(1))
    first = reader.newest(0)
    for number in range(2, 8):
        writer.write(shot(number))
    assert same(first, shot(1))
    reader.close()


def test_smaller_pictures_fit_and_larger_ones_are_refused(memory: int) -> None:
    writer, reader = pair(memory)
    writer.write(shot(1, 20, 30))
    assert same(reader.newest(0), shot(1, 20, 30))
    with pytest.raises(ValueError, match="a picture of 64x49"):
        writer.write(shot(2, HEIGHT + 1))
    assert same(reader.newest(0), shot(1, 20, 30))
    reader.close()


def test_the_memory_keeps_its_size(memory: int) -> None:
    writer, reader = pair(memory)
    for size in (0, 10 * os.fstat(memory).st_size):
        with pytest.raises(PermissionError):
            os.ftruncate(memory, size)
    writer.write(shot(1))
    assert same(reader.newest(0), shot(1))
    reader.close()


class Killed(Exception):
    """The writer ends here."""


def test_a_writer_that_ends_in_the_middle_leaves_no_torn_picture(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = pair(memory)
    writer.write(shot(1))
    writer.write(shot(2))

    def half(place: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> None:
        place[: len(place) // 2] = pixels[: len(place) // 2]
        raise Killed

    monkeypatch.setattr(np, "copyto", half)
    for number in (3, 4):
        with pytest.raises(Killed):
            writer.write(shot(number))
    # The slots of 3 and 4 are torn, that of 4 held picture 1: what is whole is still there.
    assert same(reader.newest(0), shot(2))
    assert reader.newest(2) is None
    assert reader.damaged == 0
    reader.close()


@pytest.mark.parametrize("within", [8 + 3, 8 + 30, 128 + 5], ids=["id", "size", "pixels"])
def test_a_flipped_byte_in_header_or_sample_is_no_picture_and_counted_once(memory: int, within: int) -> None:
    writer, reader = pair(memory)
    writer.write(shot(1))
    # Picture 1 lies in the second slot; its fields begin 8 bytes into the slot, its pixels 128 bytes into it.
    damage(memory, 64 + 128 + BYTES + within)
    assert reader.newest(0) is None
    assert reader.newest(0) is None
    assert reader.damaged == 1
    writer.write(shot(2))
    assert same(reader.newest(0), shot(2))
    reader.close()


def test_memory_of_another_layout_is_refused(memory: int) -> None:
    os.ftruncate(memory, 4096)
    with pytest.raises(ValueError, match="not laid out"):
        RingReader(memory)


_WRITER = """
import sys
import numpy as np
from appliance.capture.ring import RingWriter, Shot
writer = RingWriter(int(sys.argv[1]), 640 * 480 * 3)
number = 0
while True:
    number += 1
    pixels = np.full((480, 640, 3), number % 251, np.uint8)
    pixels[:, :, 1] = number // 251 % 251
    writer.write(Shot(number, number, number, "test", pixels))
"""


def test_while_another_process_writes_as_fast_as_it_can_every_picture_is_of_one_piece(memory: int) -> None:
    """Also when that process is killed at any moment."""
    seen = 0
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(memory)], cwd=ROOT, pass_fds=[memory]) as process:
        while os.fstat(memory).st_size == 0:
            time.sleep(0.01)
        time.sleep(0.05)
        reader = RingReader(memory)
        last_id, end = 0, time.monotonic() + 2
        while time.monotonic() < end:
            if time.monotonic() > end - 0.2:
                process.kill()
            one = reader.newest(last_id)
            if one is not None:
                assert one.stamp_ns == one.arrival_ns == one.id > last_id
                assert (one.pixels == one.pixels[0, 0]).all()
                assert (one.pixels[0, 0, 0], one.pixels[0, 0, 1]) == (one.id % 251, one.id // 251 % 251)
                last_id, seen = one.id, seen + 1
        assert seen > 20
        assert reader.damaged == 0
        reader.close()
