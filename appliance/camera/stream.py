"""A network camera: RTSP, or MJPEG over HTTP, in a capture process."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from appliance.camera.captured import CapturedCamera, CapturedOptions
from appliance.capture.stream import without_secrets
from appliance.clock import Clock

__all__ = ["StreamCamera", "StreamOptions"]


class StreamOptions(CapturedOptions):
    """`url` may hold a user and a password; they are never shown. Silence for `stall_s` is the end of a connection.

    Opening takes until the next key frame. `frozen_after` is off: H.264 sends nothing for what does not move, so two
    equal pictures are no fault.
    """

    kind: Literal["stream"]
    url: Annotated[str, Field(pattern=r"^(rtsps?|https?)://[^\s/]+")]
    transport: Literal["tcp", "udp"] = "tcp"
    open_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    frozen_after: Annotated[int, Field(ge=0, le=100_000)] = 0


class StreamCamera(CapturedCamera):
    """A stream's pictures are as old as their delay beyond the fastest one seen: nobody knows the sender's clock."""

    Options = StreamOptions
    reader = "appliance.capture.stream:StreamReader"

    def __init__(self, options: StreamOptions, clock: Clock = time.monotonic_ns) -> None:
        super().__init__(options, without_secrets(options.url), clock=clock)

    def reader_options(self) -> Mapping[str, Any]:
        # Whoever is silent for so long is cut off from here; FFmpeg itself would wait for 30 s.
        return {**super().reader_options(), "read_s": self._captured_options.stall_s}
