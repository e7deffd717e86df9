"""Where frames come from: one interface, one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import Field

from appliance.config import Options, RegionOptions
from appliance.plugins import Table
from appliance.records import Frame

__all__ = [
    "CAMERAS",
    "Camera",
    "CameraCounters",
    "CameraOptions",
    "Describes",
    "LabelledSource",
    "OpensSlowly",
]


class CameraOptions(Options):
    """What every camera has. `roi` is the part that shows items.

    After `stall_s` without a new frame a live camera is closed and opened again, for at most `recovery_s`.
    """

    roi: RegionOptions | None = None
    stall_s: Annotated[float, Field(gt=0, le=60)] = 3.0
    recovery_s: Annotated[float, Field(ge=0, le=600)] = 15.0


@dataclass(frozen=True, slots=True)
class CameraCounters:
    """Since the camera was made: frames handed out, frames that came and were not looked at, pictures unreadable.

    Of a live camera also: `stale` pictures, which were not new and were kept back; `corrupt` ones, which a decoder
    refused or which were damaged on the way; `stalls`, when nothing new came for too long; and `restarts`.
    """

    frames: int = 0
    dropped: int = 0
    skipped: int = 0
    stale: int = 0
    corrupt: int = 0
    stalls: int = 0
    restarts: int = 0


class Camera(Protocol):
    """A source of frames.

    `live` sources go on without us: the newest frame is kept, the others are dropped and counted. The rest wait for
    the caller: every picture comes once, nothing is dropped.
    """

    live: bool
    name: str

    def open(self) -> None:
        """Make ready to give frames; after `close`, again.

        Raises:
            CameraError: not there, not permitted, or nothing in it.
        """

    def latest(self, after_id: int, timeout_s: float) -> Frame | None:
        """The newest frame with an id above `after_id`; None if none came in `timeout_s`, or none is left.

        Raises:
            FrameUnreadable: one picture is bad; call again for the next.
            CameraError: the source is gone.
        """

    @property
    def ended(self) -> bool:
        """True when a finite source has given its last frame."""

    def counters(self) -> CameraCounters: ...

    def close(self) -> None:
        """Let go of everything. Closing twice is fine."""


@runtime_checkable
class OpensSlowly(Protocol):
    """A camera whose opening takes seconds, during which its user has other things to hear."""

    def begin(self) -> None:
        """Begin to open; does not wait.

        Raises:
            CameraError: it cannot even begin.
        """

    def ready(self) -> bool:
        """Is it open by now? Does not wait.

        Raises:
            CameraError: it cannot be opened, or took too long.
        """


@runtime_checkable
class Describes(Protocol):
    """A camera whose driver tells of itself: `rate`, `format`, `controls`, as JSON types; empty while it is closed."""

    @property
    def found(self) -> Mapping[str, Any]: ...


@runtime_checkable
class LabelledSource(Protocol):
    """A source that knows what its pictures show, for scoring; the classifier never sees it."""

    def truth(self, source: str) -> str | None:
        """The label of the picture that a frame's `source` names; "" for empty, None if unknown."""

    def items(self) -> Mapping[str, int | None]:
        """Which item is in the picture that a `source` names, None for none, in the order in which they are shown once;
        nothing where that is not known."""


CAMERAS = Table(
    "appliance.camera",
    {
        "folder": "appliance.camera.folder:FolderCamera",
        "opencv": "appliance.camera.opencv:OpenCVCamera",
        "picamera2": "appliance.camera.picamera2:Picamera2Camera",
        "simulated": "appliance.camera.simulated:SimulatedCamera",
        "simulated-device": "appliance.camera.simulated_device:SimulatedDevice",
        "stream": "appliance.camera.stream:StreamCamera",
    },
)
