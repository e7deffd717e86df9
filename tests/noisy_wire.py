"""A bad serial line, one way, in any time: bytes and moments in, what arrives when out. Pure; a seed fixes it."""

import heapq
import math
import random
from dataclasses import dataclass

__all__ = ["Noise", "NoisyWire"]

_BITS_A_BYTE = 10
_REPLAYED_S = 3.0
"""A frame that comes again does so within so long: over reconnects and resets of the board, too."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What a line does to the bytes on it, each as a share from 0 to 1.

    `loss`, `corruption` (another value) and `doubling` (twice in a row) are shares of the bytes; `replay` is that of
    the writes that come once more, up to 3 s later and past everything between; `stall` that of the writes that are
    held up, with all behind them, for up to `stall_s`. Besides, a byte takes its time at `baud`, and a write up to
    `jitter_s` more.
    """

    loss: float = 0.0
    corruption: float = 0.0
    doubling: float = 0.0
    replay: float = 0.0
    stall: float = 0.0
    stall_s: float = 0.1
    baud: int = 115_200
    jitter_s: float = 0.001

    def __post_init__(self) -> None:
        if not 0 <= self.loss + self.corruption + self.doubling < 1:
            raise ValueError("the shares of the bytes that something happens to must be below 1 together")
        if not (0 <= self.replay <= 1 and 0 <= self.stall <= 1):
            raise ValueError("a share is from 0 to 1")


class NoisyWire:
    """Bytes keep their order, apart from replays. Times are nanoseconds, never going back."""

    def __init__(self, noise: Noise, rng: random.Random) -> None:
        self._noise = noise
        self._rng = rng
        self._byte_ns = round(_BITS_A_BYTE * 1e9 / noise.baud)
        self._busy_until_ns = 0
        self._waiting: list[tuple[int, int, bytes]] = []
        self._number = 0
        self._spoilt = noise.loss + noise.corruption + noise.doubling
        self._log_good = math.log1p(-self._spoilt)
        self._good = self._good_bytes()
        self.spoilt = 0
        """How many bytes were lost, changed or doubled."""

    def write(self, data: bytes, now_ns: int) -> None:
        """All of it goes onto the line now, behind what is there."""
        if not data:
            return
        noise, rng = self._noise, self._rng
        begin_ns = max(now_ns + int(rng.random() * noise.jitter_s * 1e9), self._busy_until_ns)
        if noise.stall and rng.random() < noise.stall:
            begin_ns += int(rng.random() * noise.stall_s * 1e9)
        self._busy_until_ns = begin_ns + len(data) * self._byte_ns
        arriving = self._through(data)
        self._put(arriving, self._busy_until_ns)
        if noise.replay and rng.random() < noise.replay:
            self._put(arriving, self._busy_until_ns + int(rng.random() * _REPLAYED_S * 1e9))

    @property
    def due_ns(self) -> int | None:
        """When something arrives next; None if nothing is on its way."""
        return self._waiting[0][0] if self._waiting else None

    def read(self, now_ns: int) -> bytes:
        """What has arrived by now."""
        waiting, arrived = self._waiting, b""
        while waiting and waiting[0][0] <= now_ns:
            arrived += heapq.heappop(waiting)[2]
        return arrived

    def cut(self) -> None:
        """What is on its way is gone, replays too."""
        self._waiting.clear()

    def _put(self, data: bytes, at_ns: int) -> None:
        if data:
            self._number += 1
            heapq.heappush(self._waiting, (at_ns, self._number, data))

    def _good_bytes(self) -> int:
        """How many bytes pass until the next one that does not: geometric, so that good bytes cost nothing."""
        if not self._spoilt:
            return 1 << 62
        return int(math.log(1.0 - self._rng.random()) / self._log_good)

    def _through(self, data: bytes) -> bytes:
        if self._good >= len(data):
            self._good -= len(data)
            return data
        out, begin = bytearray(), 0
        while begin + self._good < len(data):
            at = begin + self._good
            out += data[begin:at] + self._spoil(data[at])
            begin, self._good = at + 1, self._good_bytes()
        self._good -= len(data) - begin
        return bytes(out + data[begin:])

    def _spoil(self, byte: int) -> bytes:
        self.spoilt += 1
        which = self._rng.random() * self._spoilt
        if which < self._noise.loss:
            return b""
        if which < self._noise.loss + self._noise.corruption:
            return bytes([byte ^ self._rng.randrange(1, 256)])
        return bytes([byte, byte])
