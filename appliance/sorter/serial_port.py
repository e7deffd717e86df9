"""A serial port: found, opened exclusively, its troubles told in words. The only file that imports pyserial."""

import errno
import glob
import grp
import itertools
import os
import select
import termios
from pathlib import Path
from typing import Any

import serial
from serial.tools import list_ports

from appliance.errors import LinkError
from appliance.sorter.twin_link import is_left_behind

__all__ = ["PORT_ERRORS", "SerialPort", "find_port", "holder_of", "known_ports", "trouble_in"]

PORT_ERRORS = (serial.SerialException, OSError, termios.error, TypeError)
"""What a port that went away may raise; pyserial raises TypeError where another thread has closed its descriptor."""

_WRITE_TIMEOUT_S = 0.5
_READ_TIMEOUT_S = 0.05
_CHUNK = 4096


def find_port(name: str) -> str:
    """The device that `name` stands for now: a path, a pattern of paths, `usb:VID:PID[:SERIAL]`, or a pyserial URL.

    Raises:
        LinkError: no such port, or a pattern that fits several.
    """
    doing = f"looking for the serial port {name}"
    if name.startswith("usb:"):
        found = [port.device for port in list_ports.comports() if _is_usb(port, name)]
    elif "://" in name or not any(char in name for char in "*?["):
        return name
    else:
        found = sorted(glob.glob(name))  # absolute patterns
    if len(found) == 1:
        return found[0]
    there = ", ".join(port.device for port in list_ports.comports()) or "no serial ports"
    if not found:
        raise LinkError(doing, f"nothing fits; there is {there}", "plug the board in, or correct sorter.port")
    raise LinkError(doing, f"it fits {', '.join(found)}", "narrow sorter.port down to one of them")


def known_ports() -> dict[str, str]:
    """The serial ports of this computer: the name that survives replugging, where there is one -> what the kernel
    calls it."""
    lasting = {os.path.realpath(link): link for link in sorted(glob.glob("/dev/serial/by-id/*"))}
    ports = sorted(list_ports.comports(), key=lambda port: str(port.device))
    return {lasting.get(os.path.realpath(port.device), port.device): str(port.description) for port in ports}


class SerialPort:
    """An open port. Reading and writing may happen in two threads."""

    def __init__(self, name: str, baud: int, protocol: str = "line") -> None:
        """Open exclusively. `protocol` is what a twin in the board's place has to speak, for whoever has neither.

        Raises:
            LinkError: not there, not permitted (names the group to join), held by another program (names it), or a
                dead twin's.
        """
        self.device = find_port(name)
        if is_left_behind(self.device):
            found = "its twin is dead, and the pseudo-terminal it had may be somebody else's by now"
            remedy = f"start the twin again, `appliance twin --link {self.device} ...`, or delete that link"
            raise LinkError(f"opening the serial port {self.device}", found, remedy)
        try:
            self._port = _open(self.device, baud)
        except (*PORT_ERRORS, ValueError) as error:
            raise _explain(self.device, protocol, error) from error

    def write(self, data: bytes) -> None:
        """Hand all bytes to the kernel. Raises one of PORT_ERRORS; then an unknown part of them went out.

        Straight to write(2) where there is a descriptor: pyserial adds a select(2) after it, on the hot path. What the
        kernel does not take at once goes through pyserial, which waits at most 0.5 s.
        """
        descriptor = getattr(self._port, "fd", None)
        sent = 0
        if isinstance(descriptor, int):
            try:  # noqa: SIM105  # suppress() costs more than the write on the hot path
                sent = os.write(descriptor, data)
            except BlockingIOError:
                pass
        if sent < len(data):
            self._port.write(data[sent:])

    def read(self, wait_s: float = _READ_TIMEOUT_S) -> bytes:
        """What has arrived, after at most `wait_s` (50 ms where there is no descriptor); empty if nothing did.

        Raises one of PORT_ERRORS.
        """
        descriptor = getattr(self._port, "fd", None)
        if isinstance(descriptor, int):
            return _read(descriptor, wait_s)
        first: bytes = self._port.read(1)
        return first + self._port.read(self._port.in_waiting) if first else first

    def close(self) -> None:
        try:
            self._port.close()
        except PORT_ERRORS:
            # A device that is gone cannot be closed politely; the descriptor is released all the same.
            return


def trouble_in(error: BaseException) -> str:
    """What went wrong, for people: an errno's number says nothing to them."""
    return getattr(error, "strerror", None) or str(error)


def _read(descriptor: int, wait_s: float) -> bytes:
    ready, _, _ = select.select([descriptor], [], [], max(0.0, wait_s))
    if not ready:
        return b""
    try:
        data = os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return b""
    if not data:
        # A descriptor that is ready and has nothing is one whose device went away. Source: termios(3), "hangup".
        raise OSError(errno.EIO, "the device was disconnected")
    return data


def holder_of(device: str) -> str:
    """The other programs that have the device open, as "name (pid N)"; empty if none can be seen.

    Which of them holds the lock the kernel does not say. Who plays the far end of a pseudo-terminal is left out.
    """
    real, found = os.path.realpath(device), []
    for directory in Path("/proc").glob("[0-9]*"):
        if directory.name == str(os.getpid()):
            continue
        try:
            handles = {link: os.path.realpath(link) for link in (directory / "fd").iterdir()}
            if real in handles.values() and not any(_leads_to(link, at, real) for link, at in handles.items()):
                found.append(f"{(directory / 'comm').read_text().strip()} (pid {directory.name})")
        except OSError:
            continue
    return " or ".join(found)


def _leads_to(handle: Path, at: str, device: str) -> bool:
    """Is this descriptor of a process, which is open on `at`, the far end of the pseudo-terminal `device`?

    Source: Linux, drivers/tty/pty.c, pty_show_fdinfo.
    """
    if not at.endswith("ptmx") or not device.startswith("/dev/pts/"):
        return False
    told = (handle.parent.parent / "fdinfo" / handle.name).read_text().split()
    return ("tty-index:", device.removeprefix("/dev/pts/")) in itertools.pairwise(told)


def _open(device: str, baud: int) -> Any:
    settings: dict[str, Any] = {"baudrate": baud, "timeout": _READ_TIMEOUT_S, "write_timeout": _WRITE_TIMEOUT_S}
    if "://" in device:
        return serial.serial_for_url(device, **settings)
    return serial.Serial(device, exclusive=True, **settings)


def _explain(device: str, protocol: str, error: BaseException) -> LinkError:
    doing = f"opening the serial port {device}"
    number = getattr(error, "errno", None)
    if not isinstance(number, int):
        number = error.args[0] if error.args and isinstance(error.args[0], int) else None
    if number == errno.ENOENT or ("://" not in device and not os.path.exists(device)):
        there = ", ".join(port.device for port in list_ports.comports()) or "no serial ports at all"
        remedy = "plug the board in, or correct sorter.port"
        if not device.startswith("/dev/"):
            twin = f"appliance twin --protocol {protocol} --link {device} --log {device}.jsonl"
            remedy += f"; a SIMULATED machine in another terminal: {twin}"
        return LinkError(doing, f"it does not exist; there is {there}", remedy)
    if number == errno.ENOTTY or "Inappropriate ioctl" in str(error):
        return LinkError(doing, "it is not a serial port", "correct sorter.port")
    if number in (errno.EACCES, errno.EPERM):
        group = _group_of(device)
        return LinkError(doing, f"not permitted; it belongs to the group {group}", f"sudo usermod -aG {group} $USER")
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
        holder = holder_of(device) or "another program"
        return LinkError(doing, f"it is held by {holder}", "stop that program")
    return LinkError(doing, str(error), "check the cable, and sorter.port")


def _group_of(device: str) -> str:
    try:
        return grp.getgrgid(os.stat(device).st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


def _is_usb(port: Any, name: str) -> bool:
    if port.vid is None:
        return False
    wanted = name.removeprefix("usb:").lower().split(":", 2)
    have = [f"{port.vid:04x}", f"{port.pid:04x}", (port.serial_number or "").lower()]
    return have[: len(wanted)] == wanted
