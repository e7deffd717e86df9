"""A thread that reads a live source and keeps only its newest frame."""

import threading
import time
from collections.abc import Callable

from appliance.records import Frame

__all__ = ["LatestFrame"]


class LatestFrame:
    """Calls `read` over and over; the newest frame waits in a slot of one, an unseen older one is dropped and counted.

    `read` returns a frame, or raises; its exception is handed to the next caller of `take`. A `read` that never returns
    cannot be killed from here: then `take` keeps returning None, and the process has to end for the camera to be freed.
    """

    def __init__(self, read: Callable[[], Frame], name: str) -> None:
        self._read = read
        self._ready = threading.Condition()
        self._slot: Frame | None = None
        self._error: Exception | None = None
        self._stopping = False
        self.frames = self.taken = self.dropped = 0
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> Frame | None:
        """The newest unseen frame, or None after `timeout_s`. Raises what `read` raised."""
        with self._ready:
            self._ready.wait_for(lambda: self._slot is not None or self._error is not None, timeout_s)
            if self._error is not None:
                raise self._error
            frame, self._slot = self._slot, None
            self.taken += frame is not None
            return frame

    def stop(self, timeout_s: float) -> bool:
        """Ask the thread to end and wait for it; False if it hangs in the driver."""
        self._stopping = True
        self._thread.join(timeout_s)
        with self._ready:
            self.dropped += self._slot is not None
            self._slot = None
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping:
            try:
                frame = self._read()
            except Exception as error:  # noqa: BLE001  # the thread's edge: carried to the owner
                with self._ready:
                    self._error = error
                    self._ready.notify_all()
                return
            with self._ready:
                self.dropped += self._slot is not None
                self.frames += 1
                self._slot = frame
                self._ready.notify_all()
            # A source that never blocks must not starve the loop.
            time.sleep(0)
