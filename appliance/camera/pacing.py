"""Which frame is due when a source of stored pictures plays at a fixed rate. Pure: time is an argument."""

from dataclasses import dataclass

__all__ = ["Pace"]


@dataclass(slots=True)
class Pace:
    """Turns time into an index. `fps` is frames per second, `start_ns` the moment of frame 0."""

    fps: float
    start_ns: int

    def due(self, now_ns: int) -> int:
        """The index of the newest frame whose moment has come."""
        return int((now_ns - self.start_ns) * self.fps / 1e9)

    def moment_ns(self, index: int) -> int:
        """When the frame `index` was, or will be, taken."""
        return self.start_ns + int(index * 1e9 / self.fps)
