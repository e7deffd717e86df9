"""The layering of the package, read from the imports themselves."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "appliance"
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"records", "errors"}),
    frozenset(
        {
            *("agreement", "capture", "clock", "config", "config_edit", "decide", "drift", "drift_watch"),
            *("evidence", "files", "health", "hearing", "history", "intents", "journal", "journal_schema"),
            *("link_news", "live_view", "live_view_html", "local_page", "machine"),
            *("optics", "pictures", "plugins", "preprocess", "reference", "score", "state", "tracking", "twin"),
            *("control", "control_client", "control_requests", "orders"),
            *(
                "twin_board",
                "twin_core",
                "twin_framed",
                "twin_log",
                "twin_port",
                "twin_process",
                "wording",
                "yaml_lines",
            ),
        }
    ),
    frozenset({"camera", "classifier", "sorter", "bundle", "trigger"}),
    frozenset(
        {
            "benchmark",
            "by_hand",
            "close_look",
            "delivery",
            "diagnose",
            "intake",
            "loop",
            "numbering",
            "panel",
            "viewing",
        }
    ),
    frozenset({"cli", "__main__"}),
)
"""From the bottom to the top. A file or folder of the package that is in none of them has no place yet: give it one."""

DEVICE_FOLDERS = ("camera", "classifier", "sorter", "trigger")
ACROSS = {("classifier", "bundle")}
"""The only import from one folder of the device layer into another."""

WORKSTATION_ONLY = {"modelworks", "tensorflow", "keras", "torch", "matplotlib"}
ONE_HOME = {
    "cobs": "sorter/wire.py",
    "serial": "sorter/serial_port.py",
    "ai_edge_litert": "classifier/runtime.py",
    "tflite_runtime": "classifier/runtime.py",
}
DISTRIBUTIONS = {
    "ai_edge_litert": "ai-edge-litert",
    "cv2": "opencv-python-headless",
    "numpy": "numpy",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic",
    "rich": "rich",
    "serial": "pyserial",
    "yaml": "pyyaml",
}
"""Import name -> the distribution that brings it. tflite_runtime is the one that a user installs by himself."""


def _imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, as a dotted name; `from a import b` gives a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _tops(path: Path) -> set[str]:
    """The packages that a file imports from."""
    return {name.split(".")[0] for name in _imports(path)}


def _own(path: Path) -> set[str]:
    """The parts of the package that a file imports, by their first name below `appliance`."""
    names = {name.split(".")[1] for name in _imports(path) if name.startswith("appliance.")}
    return {name for name in names if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _layer(part: str) -> int:
    return next(level for level, parts in enumerate(LAYERS) if part in parts)


def _calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_every_part_of_the_package_has_a_layer() -> None:
    parts = {_part(path) for path in FILES} - {"__init__"}
    assert parts - frozenset().union(*LAYERS) == set()


def test_a_file_imports_its_own_layer_or_those_below() -> None:
    assert _own(PACKAGE / "__init__.py") == set()
    upwards = {
        (_name(path), part)
        for path in FILES
        if path != PACKAGE / "__init__.py"
        for part in _own(path)
        if _layer(part) > _layer(_part(path))
    }
    assert upwards == set()


@pytest.mark.parametrize("folder", DEVICE_FOLDERS)
def test_device_folders_never_import_each_other(folder: str) -> None:
    others = {part for path in (PACKAGE / folder).rglob("*.py") for part in _own(path)} & LAYERS[2]
    assert {(folder, other) for other in others - {folder}} <= ACROSS


def test_the_bundle_imports_no_device_folder() -> None:
    assert {part for path in (PACKAGE / "bundle").rglob("*.py") for part in _own(path)} & set(DEVICE_FOLDERS) == set()


def test_the_bottom_layer_knows_nothing_of_the_package_but_itself() -> None:
    for name in LAYERS[0]:
        assert _own(PACKAGE / f"{name}.py") <= LAYERS[0]


def test_no_module_imports_itself_in_a_circle() -> None:
    modules = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path
        for path in FILES
    }
    graph = {name: {found for found in _imports(path) if found in modules} for name, path in modules.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for target in graph[name] - {name}:
                visit(target, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_the_machine_never_imports_the_workstation() -> None:
    assert {(_name(path), name) for path in FILES for name in _tops(path) & WORKSTATION_ONLY} == set()


@pytest.mark.parametrize(("vendor", "home"), ONE_HOME.items())
def test_a_vendors_library_has_one_home(vendor: str, home: str) -> None:
    assert [_name(path) for path in FILES if vendor in _tops(path)] == [home]


def test_every_import_is_a_declared_runtime_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[><=~;\[ ]", line)[0] for line in project["dependencies"]}
    used = {name for path in FILES for name in _tops(path)} - set(sys.stdlib_module_names)
    used -= {"appliance", "picamera2", "tflite_runtime"}
    assert {DISTRIBUTIONS.get(name, name) for name in used} == declared


def test_print_belongs_to_the_command_line() -> None:
    prints = [
        (_name(path), [ast.unparse(word.value) for word in call.keywords if word.arg == "file"])
        for path in FILES
        if _part(path) != "cli"
        for call in _calls(path)
        if isinstance(call.func, ast.Name) and call.func.id == "print"
    ]
    # The entry point of a child process: one line, to standard error.
    assert [one for one in prints if one != ("classifier/probe.py", ["sys.stderr"])] == []


def test_devices_are_made_in_one_place() -> None:
    """`TABLE.load(kind)` picks a class; only cli/build.py may go on to construct it."""
    tables = {"CAMERAS", "CLASSIFIERS", "SORTERS", "TRIGGERS"}
    makers = {
        _name(path)
        for path in FILES
        for call in _calls(path)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "load"
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in tables
    }
    assert makers == {"cli/build.py"}


def test_nothing_on_the_machine_points_outside_the_repository() -> None:
    assert [_name(path) for path in FILES if "../shared" in path.read_text(encoding="utf-8")] == []


def test_the_first_line_of_a_file_says_its_duty() -> None:
    for path in FILES:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert text.partition("\n")[0].endswith((".", ":", "?")), _name(path)


def test_the_whole_package_loads_without_the_workstations_libraries() -> None:
    """All modules in a process of its own, and the interpreter that they load lazily."""
    code = (
        "import importlib, pkgutil, sys\n"
        "import appliance\n"
        "names = [one.name for one in pkgutil.walk_packages(appliance.__path__, 'appliance.')]\n"
        "for name in names: importlib.import_module(name)\n"
        "import ai_edge_litert.interpreter\n"
        "print(len(names), *sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    count, *loaded = result.stdout.split()
    assert int(count) == len(FILES) - 1
    assert set(loaded) & WORKSTATION_ONLY == set()


def test_the_command_starts_without_a_device_or_an_interpreter() -> None:
    """`appliance --help` must be quick on a small board: nothing heavy before a command is known."""
    code = "import sys, appliance.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    heavy = {"cv2", "numpy", "serial", "rich", "ai_edge_litert", "tflite_runtime", *WORKSTATION_ONLY}
    assert set(result.stdout.split()) & heavy == set()
