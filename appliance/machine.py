"""Facts about the computer that we run on; each is None where it cannot be told."""

import os
import platform
from pathlib import Path

__all__ = ["model_name", "process_age_s", "pss_kb", "temperature_c", "throttled"]

_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""The Raspberry Pi firmware's word on power and heat, in hexadecimal. Source: vcgencmd get_throttled."""
THROTTLED_BITS = {
    0: "the supply voltage is too low now",
    1: "the CPU is capped now",
    2: "the CPU is throttled now",
    3: "the soft temperature limit is active now",
    16: "the supply voltage has been too low since boot",
    17: "the CPU has been capped since boot",
    18: "the CPU has been throttled since boot",
    19: "the soft temperature limit has been reached since boot",
}


def model_name() -> str:
    """What the computer is: the device tree's model, or the CPU's name."""
    for path, split in (("/proc/device-tree/model", "\0"), ("/sys/class/dmi/id/product_name", "\n")):
        try:
            name = Path(path).read_text(errors="replace").split(split)[0].strip()
        except OSError:
            continue
        if name:
            return f"{name}, {platform.machine()}, {os.cpu_count()} cores"
    return f"{platform.machine()}, {os.cpu_count()} cores"


def temperature_c() -> float | None:
    """The first thermal zone, in degrees Celsius."""
    try:
        return int(Path("/sys/class/thermal/thermal_zone0/temp").read_text()) / 1000
    except (OSError, ValueError):
        return None


def throttled() -> list[str] | None:
    """What the Pi's firmware complains of; empty if nothing, None where there is no such firmware."""
    try:
        bits = int(_THROTTLED.read_text().strip(), 16)
    except (OSError, ValueError):
        return None
    return [sentence for bit, sentence in THROTTLED_BITS.items() if bits >> bit & 1]


def pss_kb(pid: int | str = "self") -> int | None:
    """A process's proportional set size in kB (of 1024 bytes, as the kernel counts). Source: proc(5)."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except (OSError, ValueError):
        return None
    return None


def process_age_s() -> float:
    """Seconds since this process was started by exec's parent, to a clock tick. Source: proc(5), field 22 of stat."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    return uptime_s - int(fields[19]) / os.sysconf("SC_CLK_TCK")
