"""The house itself: the unit that systemd reads, and an installation without extras."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, appliance

UNIT = ROOT / "systemd" / "appliance.service"


def _unit_with_a_program(folder: Path) -> Path:
    """systemd-analyze wants the program to exist; on the machine it is /opt/appliance/bin/appliance."""
    text = UNIT.read_text()
    assert "ExecStart=/opt/appliance/bin/appliance run" in text
    copy = folder / UNIT.name
    copy.write_text(text.replace("/opt/appliance/bin/appliance", shutil.which("true") or "/bin/true"))
    return copy


def test_the_unit_passes_systemd_analyze_verify(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(_unit_with_a_program(tmp_path))], capture_output=True, text=True, check=False
    )

    # An unknown key only warns: any word about the unit is a failure.
    assert done.returncode == 0, done.stderr
    assert "appliance.service" not in done.stderr


def test_the_unit_is_not_exposed(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(_unit_with_a_program(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-600:]


def test_an_installation_without_extras_is_enough_for_the_machine(tmp_path: Path) -> None:
    """The locked packages of the machine, the wheel, and a run: no TensorFlow, no matplotlib."""
    venv, copy = tmp_path / "venv", tmp_path / "source"
    for name in ("appliance", "firmware", "tools", "requirements"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "build"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy / name)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(copy / "requirements" / "machine.txt")], check=True)
    subprocess.run([*pip, "--no-deps", str(copy)], check=True)
    script = (
        "import sys, pkgutil, importlib, appliance\n"
        "for one in pkgutil.walk_packages(appliance.__path__, 'appliance.'):\n"
        "    if not one.name.endswith('__main__'): importlib.import_module(one.name)\n"
        "heavy = {'tensorflow', 'keras', 'torch', 'matplotlib', 'modelworks', 'bpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([str(venv / "bin" / "python"), "-c", script], check=True, cwd=tmp_path)
    run = [str(venv / "bin" / "appliance"), "run", "--twin", "--json", "--items", "3", "-c"]
    config = tmp_path / "config.yaml"
    config.write_text((ROOT / "config.yaml").read_text())
    for name in ("models", "pictures"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run([*run, str(config)], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert done.returncode == 0, done.stderr


def test_every_command_explains_itself() -> None:
    top = appliance("--help").stdout
    for name in ("run", "diagnose", "status", "watch", "pause", "resume", "history", "config", "bench", "twin"):
        assert f"  {name} " in top
        done = appliance(name, "--help")
        assert done.returncode == 0
        assert f"usage: appliance {name}" in done.stdout


@pytest.mark.parametrize("name", ["config check", "config show", "config schema"])
def test_the_shipped_configuration(name: str) -> None:
    done = appliance(*name.split(), "-c", str(ROOT / "config.yaml"))

    assert done.returncode == 0, done.stderr
    assert done.stdout
