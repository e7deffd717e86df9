"""Every error that the appliance raises on purpose, each with the exit code that systemd sees.

    ApplianceError (70)
    ├── UsageError (2)            the command line asks for something that makes no sense
    ├── CameraError (10)          no pictures: absent, lost, or silent for too long
    │   ├── CameraStalled         it is there, and shows nothing new
    │   └── FrameUnreadable       one picture is bad; the source itself is fine
    ├── LinkError (11)            the actuator's serial line: absent, refused, busy, lost
    ├── ModelError (12)           the model file, its labels, or the interpreter
    ├── StorageError (13)         the state directory: read-only, full, locked, or damaged
    └── ConfigError (78)          config.yaml says something that cannot be run

Every message has three parts: what was being done, what was found, what to try.
"""

__all__ = [
    "ApplianceError",
    "CameraError",
    "CameraStalled",
    "ConfigError",
    "FrameUnreadable",
    "LinkError",
    "ModelError",
    "StorageError",
    "UsageError",
]


class ApplianceError(Exception):
    """Base of the tree. `exit_code` is a contract with systemd and with scripts (docs/outcomes.md)."""

    exit_code = 70

    def __init__(self, doing: str, found: str, remedy: str = "") -> None:
        super().__init__(doing, found, remedy)
        self.doing = doing
        self.found = found
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.doing}: {self.found}"
        return f"{text}. Try: {self.remedy}" if self.remedy else text


class UsageError(ApplianceError, ValueError):
    """The command line is complete but contradicts itself, or names something that is not there."""

    exit_code = 2


class CameraError(ApplianceError, OSError):
    """The picture source cannot be opened, was lost, or gave no new frame in time."""

    exit_code = 10


class CameraStalled(CameraError):
    """The picture source is there, but no new picture comes from it, or the same one again and again."""


class FrameUnreadable(CameraError):
    """One picture of a healthy source could not be decoded: count it, skip it, go on.

    `source` names the picture as the journal will.
    """

    def __init__(self, doing: str, found: str, remedy: str = "", *, source: str = "") -> None:
        super().__init__(doing, found, remedy)
        self.source = source


class LinkError(ApplianceError, OSError):
    """The serial line to the actuator cannot be opened, is held by someone else, or stayed away."""

    exit_code = 11


class ModelError(ApplianceError, ValueError):
    """The model cannot be trusted to run: missing, damaged, unsupported, or not matching its labels."""

    exit_code = 12


class StorageError(ApplianceError, OSError):
    """The state directory cannot hold what must be kept, so nothing may move."""

    exit_code = 13


class ConfigError(ApplianceError, ValueError):
    """The configuration is refused. `found` names file, line and key path."""

    exit_code = 78
