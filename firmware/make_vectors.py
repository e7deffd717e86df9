"""Write vectors.json: frames of every type, and lines that are none, from their fields alone.

The fields are those of docs/protocol.md, packed by `struct`; the CRC is zlib's; COBS is spelled out below.
Nothing here is shared with either end of the line. Run it as `python3 firmware/make_vectors.py`;
tests/firmware/test_vectors.py fails when the file is not what it makes.
"""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

TYPES: dict[str, tuple[int, str]] = {
    "HELLO": (0x01, "major:B minor:B session:I"),
    "ARM": (0x02, "session:I latch:B"),
    "BEAT": (0x03, "session:I n:H renew:B"),
    "COMMAND": (0x04, "session:I seq:I latch:B action:B channel:B not_before:I not_after:I"),
    "STOP": (0x05, "session:I"),
    "ASK": (0x06, "session:I"),
    "WELCOME": (
        0x81,
        "major:B minor:B session:I boot:I firmware_major:B firmware_minor:B firmware_patch:B flags:B channels:B "
        "queue:B lease_ms:H horizon_ms:H movement_ms:H last_session:I last_seq:I reset:B latch:B now:I",
    ),
    "REFUSED": (0x82, "major:B minor:B session:I code:B"),
    "ACCEPTED": (0x83, "session:I seq:I now:I"),
    "DONE": (0x84, "session:I seq:I started:I ended:I"),
    "FAILED": (0x85, "session:I seq:I code:B now:I"),
    "PULSE": (0x86, "session:I n:H received:I sent:I state:B why:B latch:B queued:B"),
    "STATE": (0x87, "session:I state:B why:B latch:B now:I"),
    "EVENT": (0x88, "session:I number:H kind:B at:I position:i"),
    "COUNTERS": (
        0x89,
        "session:I frames:I moved:I bad_crc:H bad_frame:H overrun:H unknown:H foreign:H repeated:H failed:H lapsed:H "
        "unsent:H events_lost:H watchdog:B",
    ),
    "FOREIGN": (0x8A, "boot:I session:I"),
}
"""Each type's byte and its body, as docs/protocol.md has them."""

TOP = 0xFFFFFFFF
FRAMES: list[tuple[str, tuple[int, ...]]] = [
    ("HELLO", (1, 0, 1)),
    ("HELLO", (1, 0, TOP)),
    ("HELLO", (2, 7, 0xA1B2C3D4)),
    ("ARM", (1, 0)),
    ("ARM", (0xA1B2C3D4, 255)),
    ("BEAT", (1, 0, 0)),
    ("BEAT", (0xA1B2C3D4, 65535, 1)),
    ("BEAT", (0xA1B2C3D4, 256, 2)),
    ("COMMAND", (1, 0, 0, 0, 0, 0, 0)),
    ("COMMAND", (0xA1B2C3D4, 0x01020304, 7, 0, 5, 0xFFFFFF00, 0x00000100)),
    ("COMMAND", (TOP, TOP, 255, 1, 0, TOP, TOP)),
    ("STOP", (1,)),
    ("STOP", (0x00010000,)),
    ("ASK", (1,)),
    ("ASK", (0xA1B2C3D4,)),
    ("WELCOME", (1, 0, 1, 1, 1, 0, 0, 6, 6, 8, 500, 10000, 500, 0, 0, 1, 1, 0)),
    ("WELCOME", (1, 0, 0xA1B2C3D4, 0x12345678, 1, 2, 3, 1, 8, 8, 400, 65535, 60, 0xA1B2C3D3, 41, 8, 255, TOP)),
    ("REFUSED", (1, 0, 1, 1)),
    ("REFUSED", (1, 0, 0xA1B2C3D4, 1)),
    ("ACCEPTED", (1, 0, 0)),
    ("ACCEPTED", (0xA1B2C3D4, 0x01020304, TOP)),
    ("DONE", (1, 0, 0, 500000)),
    ("DONE", (0xA1B2C3D4, TOP, 0xFFFFFF00, 0x00000100)),
    *[("FAILED", (0xA1B2C3D4, 100 + code, code, 1000 * code)) for code in range(1, 10)],
    ("PULSE", (1, 0, 0, 0, 1, 0, 1, 0)),
    ("PULSE", (0xA1B2C3D4, 65535, TOP, 5, 2, 1, 255, 8)),
    ("STATE", (1, 1, 1, 2, 0)),
    ("STATE", (0xA1B2C3D4, 2, 4, 0, TOP)),
    ("EVENT", (1, 0, 1, 0, 0)),
    ("EVENT", (0xA1B2C3D4, 65535, 2, TOP, -1)),
    ("EVENT", (0xA1B2C3D4, 256, 3, 70000, -(2**31))),
    ("COUNTERS", (1, *(0,) * 13)),
    ("COUNTERS", (0xA1B2C3D4, TOP, TOP, *(65535,) * 10, 255)),
    ("COUNTERS", (0xA1B2C3D4, *range(1, 14))),
    ("FOREIGN", (1, 1)),
    ("FOREIGN", (0x12345678, 0xA1B2C3D4)),
]


def cobs(data: bytes) -> bytes:
    """Consistent Overhead Byte Stuffing of fewer than 254 bytes: each piece between zeros behind its length + 1."""
    return b"".join(bytes([len(piece) + 1]) + piece for piece in data.split(b"\0"))


def payload_of(name: str, values: tuple[int, ...]) -> bytes:
    """Type, body and CRC."""
    number, fields = TYPES[name]
    body = struct.pack("<" + "".join(field.partition(":")[2] for field in fields.split()), *values)
    return with_crc(bytes([number]) + body)


def with_crc(data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(data))


def line_of(payload: bytes) -> bytes:
    return b"\0" + cobs(payload) + b"\0"


def bad_lines() -> list[dict[str, Any]]:
    """Lines that hold no frame, or one after something else, with what a receiver of every type must count."""
    stop = payload_of("STOP", (1,))
    good = line_of(stop)
    flipped = bytes([*stop[:2], stop[2] ^ 1, *stop[3:]])
    cases: list[tuple[str, bytes, dict[str, int]]] = [
        ("nothing", b"", {}),
        ("empty frames", b"\0\0\0\0", {}),
        ("noise that nothing ends", b"\x55" * 20, {}),
        ("one bit of the body flipped", line_of(flipped), {"bad_crc": 1}),
        ("the last byte of the CRC is missing", line_of(stop[:-1]), {"bad_crc": 1}),
        ("a byte too many", line_of(stop + b"\x01"), {"bad_crc": 1}),
        ("shorter than a CRC", line_of(stop[:3]), {"bad_frame": 1}),
        ("a CRC and no type", line_of(with_crc(b"")), {"bad_frame": 1}),
        ("a code that reaches beyond the end", b"\0\x05\x01\x02\0", {"bad_frame": 1}),
        ("a body too short, with a right CRC", line_of(with_crc(stop[:4])), {"bad_frame": 1}),
        ("a body too long, with a right CRC", line_of(with_crc(stop[:5] + b"\x07")), {"bad_frame": 1}),
        ("a type of a later version", line_of(with_crc(b"\x7f\x01\x02")), {"unknown": 1}),
        ("a type of zero", line_of(with_crc(b"\0\x01\x02\x03\x04")), {"unknown": 1}),
        ("49 bytes are kept", line_of(with_crc(b"\x7f" * 44)), {"unknown": 1}),
        ("50 bytes are not", line_of(with_crc(b"\x7f" * 45)), {"bad_frame": 1}),
        ("endless noise is counted once", b"\0" + b"\x55" * 5000 + b"\0", {"bad_frame": 1}),
        ("a frame after noise", b"\x55\xaa" + good, {"bad_frame": 1, "frames": 1}),
        ("a frame after endless noise", b"\x55" * 300 + good, {"bad_frame": 1, "frames": 1}),
        ("a frame whose first zero was lost", good[1:], {"frames": 1}),
        ("two frames with one zero between them", good + good[1:], {"frames": 2}),
        ("a frame cut in two by a zero", good[:6] + b"\0" + good[6:], {"bad_frame": 2}),
        ("a frame that lost a byte, and a good one", good[:4] + good[5:] + good, {"bad_crc": 1, "frames": 1}),
    ]
    names = ("frames", "bad_crc", "bad_frame", "unknown")
    return [
        {"what": what, "line": line.hex(), "counts": {name: counts.get(name, 0) for name in names}}
        for what, line, counts in cases
    ]


def vectors() -> dict[str, Any]:
    """The whole file."""
    frames = []
    for name, values in FRAMES:
        number, fields = TYPES[name]
        payload = payload_of(name, values)
        names = [field.partition(":")[0] for field in fields.split()]
        frames.append(
            {
                "name": name,
                "type": number,
                "fields": dict(zip(names, values, strict=True)),
                "payload": payload.hex(),
                "line": line_of(payload).hex(),
            }
        )
    return {"version": "1.0", "frames": frames, "bad": bad_lines()}


def text() -> str:
    """The file's text: one frame a line, so that a difference is seen where it is."""
    whole = vectors()
    lists = {key: ",\n".join("    " + json.dumps(one) for one in whole[key]) for key in ("frames", "bad")}
    return (
        f'{{\n  "version": "{whole["version"]}",\n  "frames": [\n{lists["frames"]}\n  ],\n'
        f'  "bad": [\n{lists["bad"]}\n  ]\n}}\n'
    )


if __name__ == "__main__":
    Path(__file__).with_name("vectors.json").write_text(text(), encoding="ascii")
