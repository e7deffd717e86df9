"""Boots a Debian kernel in a virtual machine over this very file system, read-only, and runs a program in it.

What this computer's kernel may lack, a Debian kernel has: vivid, a camera driver without a camera. Run by `make vm`;
needs the Debian packages qemu-system-x86, busybox-static, cpio and kmod, and the network for the kernel, once.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sorting-appliance-vm"
NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "modprobe": "kmod",
    "dpkg-deb": "dpkg",
}
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "vivid")
INIT = """#!/busybox sh
/busybox mkdir -p /proc /sys /host
/busybox mount -t proc proc /proc
/busybox mount -t sysfs sys /sys
while read module; do /busybox insmod /modules/$module || echo "insmod $module failed"; done < /modules/order
/busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,cache=loose,ro host /host
/busybox mount -t devtmpfs dev /host/dev
/busybox mkdir -p /host/dev/shm /host/dev/pts
/busybox mount -t tmpfs tmpfs /host/dev/shm
/busybox mount -t devpts devpts /host/dev/pts
/busybox mount -t proc proc /host/proc
/busybox mount -t sysfs sys /host/sys
/busybox mount -t tmpfs tmpfs /host/tmp
/busybox mount -t tmpfs tmpfs /host/run
/busybox ip link set lo up
/busybox chroot /host /usr/bin/env -i PATH="$guest_path" HOME=/tmp LANG=C.UTF-8 PYTHONPATH="$guest_pythonpath" \\
    "$guest_python" "$guest_program" > /host/dev/ttyS1 2> /host/dev/console
/busybox poweroff -f
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path, nargs="?", default=HERE / "vivid.py", help="a Python file")
    parser.add_argument(
        "--accelerator", default="tcg,thread=multi", help="kvm where it works: not in every machine that has it"
    )
    parser.add_argument("--timeout", type=float, default=900, metavar="S")
    arguments = parser.parse_args()
    if missing := [package for tool, package in NEEDED.items() if shutil.which(tool) is None]:
        print(f"missing: {', '.join(missing)}; apt-get install them", file=sys.stderr)
        return 2
    kernel, tree = _kernel()
    image = CACHE / "initramfs.gz"
    image.write_bytes(_initramfs(tree))
    return _boot(kernel, image, arguments.program.resolve(), arguments.accelerator, arguments.timeout)


def _kernel() -> tuple[Path, Path]:
    """Debian's newest kernel for this release and its modules, unpacked below the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if not list(CACHE.glob("tree/boot/vmlinuz-*")):
        depends = subprocess.run(
            ["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=True
        )
        package = next(line.split()[-1] for line in depends.stdout.splitlines() if "Depends: linux-image" in line)
        subprocess.run(["apt-get", "download", "-q", package], cwd=CACHE, check=True)
        deb = next(CACHE.glob(f"{package}*.deb"))
        subprocess.run(["dpkg-deb", "-x", deb, CACHE / "tree"], check=True)
        deb.unlink()
    kernel = next(CACHE.glob("tree/boot/vmlinuz-*"))
    release = kernel.name.removeprefix("vmlinuz-")
    modules = CACHE / "tree" / "lib" / "modules" / release
    if not (modules / "modules.dep").exists():
        subprocess.run(["depmod", "-b", CACHE / "tree", release], check=True)
    return kernel, modules


def _initramfs(modules: Path) -> bytes:
    """busybox, the modules in the order in which they can be loaded, and the script that runs first."""
    tree = CACHE / "initramfs"
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "modules").mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", tree / "busybox")
    order = list(_in_order(modules))
    for path in order:
        shutil.copy(path, tree / "modules" / path.name)
    (tree / "modules" / "order").write_text("".join(f"{path.name}\n" for path in order))
    init = tree / "init"
    init.write_text(INIT)
    init.chmod(0o755)
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    done = subprocess.run(["cpio", "-o", "-H", "newc"], cwd=tree, input=names.encode(), capture_output=True, check=True)
    return gzip.compress(done.stdout, 1)


def _in_order(modules: Path) -> Iterator[Path]:
    """The wanted modules, each after those that it needs."""
    needs = dict(line.split(":") for line in (modules / "modules.dep").read_text().splitlines())
    by_name = {Path(path).name.removesuffix(".ko"): path for path in needs}
    seen: set[str] = set()
    for name in MODULES:
        path = by_name[name]
        # modules.dep names the farthest dependency last.
        for each in [*reversed(needs[path].split()), path]:
            if each not in seen:
                seen.add(each)
                yield modules / each


def _boot(kernel: Path, image: Path, program: Path, accelerator: str, timeout_s: float) -> int:
    """Run the program; what it prints, a JSON object a line, is passed on. Its last object says `ok`."""
    said, console = CACHE / "said.jsonl", CACHE / "console.log"
    said.write_text("")
    environment = {
        "guest_path": "/usr/local/bin:/usr/bin:/bin",
        "guest_python": sys.executable,
        "guest_program": str(program),
        "guest_pythonpath": str(ROOT),
    }
    words = " ".join(f"{name}={value}" for name, value in environment.items())
    command = [
        *(
            "qemu-system-x86_64",
            "-machine",
            "q35",
            "-accel",
            accelerator,
            "-cpu",
            "max,-arch-capabilities",
            "-smp",
            "2",
            "-m",
            "2048",
        ),
        *("-kernel", kernel, "-initrd", image, "-append", f"console=ttyS0 quiet panic=-1 {words}"),
        *("-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"),
        *("-device", "virtio-9p-pci,fsdev=host,mount_tag=host"),
        *("-display", "none", "-no-reboot", "-serial", f"file:{console}", "-serial", f"file:{said}"),
    ]
    started = time.monotonic()
    try:
        subprocess.run([str(word) for word in command], timeout=timeout_s, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        print(f"{error}; the console is in {console}", file=sys.stderr)
        return 1
    lines = [line for line in said.read_text().splitlines() if line.startswith("{")]
    print("\n".join(lines))
    print(json.dumps({"kernel": kernel.name, "accelerator": accelerator, "wall_s": round(time.monotonic() - started)}))
    return 0 if lines and json.loads(lines[-1]).get("ok") else 1


if __name__ == "__main__":
    sys.exit(main())
