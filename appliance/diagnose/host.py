"""Is the computer itself well: disk, heat, power, clock, and the place for what must not be lost?"""

import errno
import os
import platform
import shutil
import tempfile
from pathlib import Path

from appliance.clock import clock_synchronized
from appliance.config import Config
from appliance.diagnose import Context, Finding, Verdict
from appliance.machine import model_name, temperature_c, throttled

__all__ = ["check"]

_LEAST_FREE_MB = 200
_HOT_C = 80.0
"""A Raspberry Pi begins to slow down here. Source: Raspberry Pi documentation, frequency management."""


def check(context: Context) -> list[Finding]:
    """The host's findings; only the state directory needs the configuration."""
    return [*context.run("storage", _storage), _machine(), _heat(), _power(), _clock()]


def _storage(config: Config) -> list[Finding]:
    path = config.machine.state_dir
    try:
        _prove_writable(_nearest(path))
        _prove_owned(path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free some space" if full else "make it writable for this user, or set machine.state_dir"
        return [Finding("storage", Verdict.FAIL, f"{path}: {error.strerror or error}", remedy, 13)]
    free_mb = shutil.disk_usage(_nearest(path)).free // 1_000_000
    wanted_mb = max(_LEAST_FREE_MB, config.evidence.budget_mb)
    evidence = f"{path}: writable, {free_mb} MB free"
    if free_mb < wanted_mb:
        remedy = "free some space, or lower journal.max_mb and evidence.budget_mb"
        return [Finding("storage", Verdict.WARN, f"{evidence}, less than {wanted_mb}", remedy)]
    return [Finding("storage", Verdict.OK, evidence)]


def _nearest(path: Path) -> Path:
    """The directory itself, or the one in which it would be made."""
    path = path.absolute()
    return next(one for one in (path, *path.parents) if one.exists())


def _prove_writable(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(65_536))
        file.flush()
        os.fsync(file.fileno())


def _prove_owned(folder: Path) -> None:
    """What a run as another user (sudo!) left there must not lock this one out. Raises OSError."""
    for name in ("lock", "intents.bin", "journal.db", "journal.db-wal", "journal.db-shm", "evidence"):
        path = folder / name
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, f"{name} is not writable for this user (uid {os.geteuid()})")


def _machine() -> Finding:
    name = model_name()
    if platform.architecture()[0] != "64bit":
        return Finding("machine", Verdict.FAIL, f"{name}: 32 bit", "install a 64-bit system: LiteRT needs it", 12)
    return Finding("machine", Verdict.OK, f"{name}, Python {platform.python_version()}")


def _heat() -> Finding:
    celsius = temperature_c()
    if celsius is None:
        return Finding("heat", Verdict.NOT_RUN, "this computer shows no temperature")
    if celsius >= _HOT_C:
        return Finding("heat", Verdict.WARN, f"{celsius:.0f} °C: it slows down", "give it a heat sink or a fan")
    return Finding("heat", Verdict.OK, f"{celsius:.0f} °C")


def _power() -> Finding:
    complaints = throttled()
    if complaints is None:
        return Finding("power", Verdict.NOT_RUN, "no Raspberry Pi firmware to ask")
    if complaints:
        return Finding("power", Verdict.WARN, "; ".join(complaints), "use the official power supply and a short cable")
    return Finding("power", Verdict.OK, "no complaint since boot")


def _clock() -> Finding:
    if clock_synchronized():
        return Finding("clock", Verdict.OK, "synchronized")
    remedy = "give it a network or an RTC; until then times in the journal are a guess and max_days is not heeded"
    return Finding("clock", Verdict.WARN, "the wall clock is not synchronized", remedy)
