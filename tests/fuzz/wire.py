"""Coverage-guided fuzzing of the host's receiver of frames, with atheris (libFuzzer for Python).

    python tests/fuzz/wire.py -runs=10000000 -max_len=80 CORPUS

Each execution feeds two receivers the same bytes, one of them in pieces. The first byte of the input chooses: the rest
as it is, or as a payload that gets its right CRC and COBS, so that what lies behind both is reached as well. It ends
with the executions of `feed`, and fails on any exception, on a receiver that holds more than a frame, on frames or
counts that depend on the pieces, and on a frame that is not the same again from its own bytes.
"""

import atexit
import sys
import zlib

import atheris

with atheris.instrument_imports(include=["appliance.sorter.wire", "cobs"]):
    from cobs import cobs

    from appliance.sorter.wire import MAX_ENCODED, Receiver, line_of

FED = 0


def _line(data: bytes) -> bytes:
    if not data or data[0] & 1 == 0:
        return data[1:]
    content = data[1:]
    encoded: bytes = cobs.encode(content + zlib.crc32(content).to_bytes(4, "little"))
    return b"\0" + encoded + b"\0"


def try_one(data: bytes) -> None:
    global FED
    line, size = _line(data), 1 + (data[0] >> 1 if data else 0)
    whole, pieces = Receiver(), Receiver()
    found = whole.feed(line)
    FED += 1
    in_pieces = []
    for start in range(0, len(line), size):
        in_pieces += pieces.feed(line[start : start + size])
        FED += 1
        if len(pieces._partial) > MAX_ENCODED:
            raise AssertionError("it holds more than a frame")
    if found != in_pieces or whole.counters != pieces.counters:
        raise AssertionError("the pieces make a difference")
    if len(found) != whole.counters.frames or any(Receiver().feed(line_of(one)) != [one] for one in found):
        raise AssertionError("a frame is not what its bytes say")


if __name__ == "__main__":
    atexit.register(lambda: print(f"executions of feed: {FED}", file=sys.stderr))
    atheris.Setup(sys.argv, try_one)
    atheris.Fuzz()
