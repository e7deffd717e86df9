"""The firmware's C core as a shared library: found, compiled for this computer, kept in a cache, loaded.

It is compiled once, with the C compiler that is here; nothing else of the appliance needs one.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from appliance.errors import LinkError

__all__ = ["build_core", "load_core"]

# -Bsymbolic: the core calls its own functions, and not those of the same name that the program has loaded before: zlib
# has a crc32 too, and where Python itself is linked to zlib that one would be taken.
_FLAGS = ("-std=c99", "-O2", "-shared", "-fPIC", "-Wl,-Bsymbolic")
_TIMEOUT_S = 120
_DOING = "compiling the SIMULATED board"


def build_core(cache_dir: Path | None = None) -> Path:
    """Compile the core, unless the cache has it; another version, compiler or machine gets another name.

    Raises:
        LinkError: no sources, no compiler, it refuses, or the cache cannot be written.
    """
    sources = _sources()
    compiler = _compiler()
    folder = cache_dir or _cache_dir(os.environ)
    path = folder / f"board-{_digest(sources, compiler)}.so"
    if path.exists():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=folder, prefix=".board-", suffix=".so")
        os.close(handle)
    except OSError as error:
        raise LinkError(
            f"writing {folder}",
            error.strerror or str(error),
            "make it writable, or set XDG_CACHE_HOME",
        ) from error
    try:
        _compile(compiler, sources, Path(beside))
        Path(beside).chmod(0o755)
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)
    return path


@cache
def load_core() -> ctypes.CDLL:
    """The library with its functions declared, as firmware/host/library.h has them.

    Raises:
        LinkError: as build_core, or it cannot be loaded.
    """
    path = build_core()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise LinkError("loading the SIMULATED board", str(error), f"delete {path}") from error
    board, text, size, moment = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64
    functions = {
        "played_create": (board, [ctypes.c_void_p]),
        "played_destroy": (None, [board]),
        "played_feed": (None, [board, text, size, moment]),
        "played_tick": (None, [board, moment]),
        "played_due": (ctypes.c_bool, [board, ctypes.c_void_p]),
        "played_take": (size, [board, text, size]),
        "played_movements": (size, [board, ctypes.c_void_p, size]),
        "played_sense": (None, [board, ctypes.c_bool, moment]),
        "played_roll": (None, [board, ctypes.c_int32, moment]),
        "played_jam": (None, [board, ctypes.c_uint32, ctypes.c_uint32]),
        "played_overrun": (None, [board, ctypes.c_uint16]),
        "played_view": (None, [board, ctypes.c_void_p]),
        "played_receive": (ctypes.c_bool, [text, size, text, ctypes.c_void_p, ctypes.c_void_p]),
        "played_line": (ctypes.c_uint8, [text, ctypes.c_uint8, text]),
        "played_boot_number": (ctypes.c_uint32, [text, ctypes.c_uint32]),
    }
    for name, (result, arguments) in functions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _compile(compiler: str, sources: list[Path], target: Path) -> None:
    units = [str(path) for path in sources if path.suffix == ".c"]
    folders = [f"-I{folder}" for folder in sorted({str(path.parent) for path in sources})]
    try:
        done = subprocess.run(
            [compiler, *_FLAGS, *folders, "-o", str(target), *units],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LinkError(_DOING, str(error), f"check that `{compiler}` works") from error
    if done.returncode != 0:
        found = (done.stderr.strip().splitlines() or ["no word why"])[0]
        raise LinkError(_DOING, found, "install a C compiler with its headers: gcc libc6-dev")


def _compiler() -> str:
    name = os.environ.get("CC", "cc")
    found = shutil.which(name)
    if found is None:
        raise LinkError(_DOING, f"there is no C compiler `{name}`", "apt install gcc libc6-dev")
    return found


def _sources() -> list[Path]:
    """The core's files: of the repository, or those that the package brought along."""
    here = Path(__file__).resolve().parent
    for firmware in (here.parent / "firmware", here / "firmware"):
        found = sorted(path for folder in ("core", "host") for path in (firmware / folder).glob("*.[ch]"))
        if found:
            return found
    raise LinkError(_DOING, f"no firmware beside {here}", "install the appliance again")


def _digest(sources: list[Path], compiler: str) -> str:
    digest = hashlib.sha256(repr((platform.machine(), _FLAGS, str(Path(compiler).resolve()))).encode())
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_dir(environment: Mapping[str, str]) -> Path:
    """systemd's CacheDirectory= if there is one, else the user's (XDG Base Directory Specification)."""
    given = environment.get("CACHE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    home = environment.get("XDG_CACHE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "sorting-appliance"
