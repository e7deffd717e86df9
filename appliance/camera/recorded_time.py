"""When was a picture of a video taken? Pure: the stamps of the file in, moments that advance out."""

__all__ = ["RecordedTime"]


class RecordedTime:
    """Follows the file's stamps, through every repetition of a film that plays again and again.

    Each moment lies after the one before: a picture whose stamp does not advance (a container without stamps says 0 of
    all) comes one period later. With `fps` the file's stamps do not count: so far apart were its pictures taken.
    """

    def __init__(self, file_fps: float, fps: float | None = None) -> None:
        """`file_fps` is the rate that the file promises; both are pictures a second."""
        self._period_ns = int(1e9 / (fps or file_fps))
        self._by_stamps = fps is None
        self._began_ns = 0
        self._newest_ns: int | None = None

    def moment_ns(self, stamp_ms: float) -> int:
        """When the next picture was taken. `stamp_ms` is what the file says of it."""
        after_ns = self._began_ns if self._newest_ns is None else self._newest_ns + self._period_ns
        stamp_ns = self._began_ns + int(stamp_ms * 1e6)
        advances = self._newest_ns is None or stamp_ns > self._newest_ns
        self._newest_ns = stamp_ns if self._by_stamps and advances else after_ns
        return self._newest_ns

    def begin_again(self) -> None:
        """The file is read from its start once more: its stamps go on where the last round ended."""
        if self._newest_ns is not None:
            self._began_ns = self._newest_ns + self._period_ns
