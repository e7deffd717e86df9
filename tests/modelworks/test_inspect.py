"""`inspect` says what the interpreter says of a good file, and refuses every bad one without running it."""

import json
import random
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the extra `train`")

from tflite_writer import FileWriter, schema

from appliance.classifier.runtime import load_interpreter
from appliance.errors import ModelError, UsageError
from modelworks.cli import main
from modelworks.graph import Network
from modelworks.graphdrawing import draw
from modelworks.graphlayout import BOX_HEIGHT, BOX_WIDTH, Layout, lay_out
from modelworks.graphreading import read_network, read_network_file
from modelworks.inspecting import as_dict, as_text

pytestmark = pytest.mark.workstation

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "chamber5"


def float16_network(name: str = "picture") -> bytes:
    """One convolution whose weights and bias are stored as float16, with a way around it and an addition."""
    file = FileWriter()
    picture, out = file.tensor(name, "float32", [1, 4, 4, 3]), file.tensor("out", "float32", [1, 4, 4, 2])
    stored = [file.stored("w16", "float16", np.ones((2, 3, 3, 3))), file.stored("b16", "float16", np.ones(2))]
    used = [file.tensor("w", "float32", [2, 3, 3, 3]), file.tensor("b", "float32", [2])]
    middle = file.tensor("middle", "float32", [1, 4, 4, 2])
    for before, after in zip(stored, used, strict=True):
        file.operator("DEQUANTIZE", [before], [after])
    file.operator("CONV_2D", [picture, *used], [middle])
    file.operator("RELU", [middle], [out])
    last = file.tensor("last", "float32", [1, 4, 4, 2])
    file.operator("ADD", [middle, out], [last])
    return file.content([picture], [last])


def int8_network() -> bytes:
    """Quantized at its start, dequantized at its end; a depthwise convolution per channel between them."""
    file = FileWriter()
    picture, out = file.tensor("picture", "float32", [1, 4, 4, 2]), file.tensor("out", "float32", [1, 4, 4, 2])
    quantized = [file.tensor(name, "int8", [1, 4, 4, 2], scales=1) for name in ("in", "middle")]
    weights = file.stored("w", "int8", np.ones((1, 3, 3, 2)), scales=2)
    file.graph.tensors[weights].quantization.quantizedDimension = 3
    bias = file.stored("b", "int32", np.ones(2), scales=2)
    file.operator("QUANTIZE", [picture], [quantized[0]])
    file.operator("DEPTHWISE_CONV_2D", [quantized[0], weights, bias], [quantized[1]])
    file.operator("DEQUANTIZE", [quantized[1]], [out])
    return file.content([picture], [out])


def operators(content: bytes) -> list[dict[str, Any]]:
    return list(as_dict(read_network(content, "file"))["graphs"][0]["operators"])


def shipped() -> Network:
    return read_network((SHIPPED / "model.tflite").read_bytes(), "model.tflite")


def test_every_tensor_is_what_the_interpreter_says() -> None:
    details = load_interpreter(SHIPPED / "model.tflite", "litert", 1).get_tensor_details()
    tensors = shipped().graphs[0].tensors
    compared = 0
    for each in details:
        if each["index"] >= len(tensors):
            continue  # The interpreter's own scratch tensors.
        ours = tensors[each["index"]]
        assert (ours.name, ours.dtype, ours.shape) == (each["name"], np.dtype(each["dtype"]).name, (*each["shape"],))
        scales = each["quantization_parameters"]["scales"]
        np.testing.assert_allclose(ours.scaling.scales if ours.scaling else [], scales)
        compared += 1
    assert compared == len(tensors)


def test_the_shipped_network_is_counted_right() -> None:
    """MobileNet V1 with alpha 0.5 at 224 pixels: 149 million multiply-accumulates, 0.8 million parameters below the
    head. Source: table 6 of https://arxiv.org/abs/1704.04861"""
    told = as_dict(shipped())
    assert told["totals"]["macs"] == pytest.approx(149e6, rel=0.01)
    weights = 512 * 6 + sum(
        each["parameters"] for each in told["graphs"][0]["operators"] if each["kind"] != "FULLY_CONNECTED"
    )
    assert told["totals"]["parameters"] == pytest.approx(weights, rel=0.01)
    assert sum(value for name, value in told["totals"].items() if name.endswith("_bytes")) == told["bytes"]


def test_blocks_of_an_integer_network_stand_at_its_ends() -> None:
    graph = as_dict(read_network(int8_network(), "file"))["graphs"][0]
    assert (graph["quantize_blocks"], graph["dequantize_blocks"]) == ([0], [2])
    depthwise = graph["operators"][1]
    assert depthwise["weights"][0] | {"tensor": 0} == {
        **{"tensor": 0, "dtype": "int8", "shape": [1, 3, 3, 2]},
        **{"quantization": "per channel", "scales": 2},
    }
    assert depthwise["biases"][0]["dtype"] == "int32"
    assert (depthwise["macs"], depthwise["parameters"], depthwise["constant_bytes"]) == (4 * 4 * 2 * 9, 18 + 2, 18 + 8)


def test_weights_behind_a_dequantize_block_are_still_weights() -> None:
    conv = operators(float16_network())[2]
    assert [each["shape"] for each in conv["weights"]] == [[2, 3, 3, 3]]
    assert (conv["weights"][0]["dtype"], conv["weights"][0]["stored_dtype"]) == ("float32", "float16")
    assert (conv["parameters"], conv["macs"], conv["constant_bytes"]) == (54 + 2, 4 * 4 * 2 * 27, 0)
    stored = read_network(float16_network(), "file").stored()
    assert (stored["weights"], stored["bias"], stored["other"]) == (108, 4, 0)


def test_the_table_fits_and_names_what_matters() -> None:
    told = as_text(shipped(), "chamber5")
    assert max(map(len, told.splitlines())) <= 120
    for word in ("DEPTHWISE_CONV_2D v3", "uint8 1×224×224×3", "scale 0.00784", "zero point 127", "int32 16"):
        assert word in told
    assert "quantize blocks: 0, 32" in told
    assert "2 dequantize blocks of stored weights" in as_text(read_network(float16_network(), "x"), "x")


def test_the_drawing_is_well_formed_and_the_same_again() -> None:
    graph = read_network(float16_network(), "file").graphs[0]
    drawn = draw(graph, "a & b", "svg")
    words = " ".join(each.text or "" for each in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text"))
    assert "a & b" in words
    assert "weights float16 → float32 2×3×3×3" in words
    assert draw(graph, "a & b", "svg") == drawn
    picture = cv2.imdecode(np.frombuffer(draw(graph, "a", "png"), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[0] > picture.shape[1] / 2
    assert picture.std() > 1


@pytest.fixture(scope="module")
def side_by_side() -> Layout:
    """The layout of a network with two branches, whose ways around other boxes take lanes."""
    layout = lay_out(read_network_file(SHIPPED.parent / "trashnet6" / "model.tflite").graphs[0])
    assert sum(len(arrow.points) > 2 for arrow in layout.arrows) > 3
    return layout


def test_no_arrow_runs_through_a_box(side_by_side: Layout) -> None:
    for arrow in side_by_side.arrows:
        for (x, y), (to_x, to_y) in pairwise(arrow.points):
            for box in side_by_side.boxes:
                apart_x = max(x, to_x) <= box.x - BOX_WIDTH / 2 or min(x, to_x) >= box.x + BOX_WIDTH / 2
                apart_y = max(y, to_y) <= box.y or min(y, to_y) >= box.y + BOX_HEIGHT
                assert apart_x or apart_y, f"{box.title} is crossed"


@pytest.mark.parametrize("along", [0, 1], ids=["down", "across"])
def test_no_arrow_runs_along_another(along: int, side_by_side: Layout) -> None:
    """Two that lie on one line do not even touch there."""
    pieces = [
        (one[along], *sorted((one[1 - along], other[1 - along])), number)
        for number, arrow in enumerate(side_by_side.arrows)
        for one, other in pairwise(arrow.points)
        if one[along] == other[along] and len(arrow.points) > 2
    ]
    for (place, _, end, one), (other_place, start, _, other) in pairwise(sorted(pieces)):
        assert place != other_place or end < start or one == other


def test_names_in_the_file_steer_neither_terminal_nor_document() -> None:
    content = float16_network("\x1b[2J</text><script>$x$ [red]\x00\n")
    network = read_network(content, "file")
    assert "\x1b" not in as_text(network, "file")
    assert "</text><script>" in as_text(network, "file")
    assert ET.fromstring(draw(network.graphs[0], "\x1b", "svg")) is not None


def test_a_file_cut_off_anywhere_is_refused() -> None:
    for content in (float16_network(), int8_network()):
        for length in range(len(content)):
            with pytest.raises(ModelError):
                read_network(content[:length], "file")


def test_damaged_bytes_are_refused_or_told_but_never_crash() -> None:
    rng, outcomes = random.Random(1), set()
    for content in (float16_network(), int8_network()) * 150:
        spoiled = bytearray(content)
        for _ in range(rng.choice((1, 2, 8, 32))):
            place = rng.randrange(len(spoiled))
            wild = rng.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", rng.randbytes(1)))
            spoiled[place : place + len(wild)] = wild
        try:
            network = read_network(bytes(spoiled), "file")
        except ModelError:
            outcomes.add("refused")
        else:
            outcomes.add("told")
            assert json.dumps(as_dict(network), allow_nan=False)
            assert as_text(network, "file")
    assert outcomes == {"refused", "told"}


@pytest.mark.parametrize("size", [0, 4, 8, 12, 500, 5000])
def test_noise_is_refused(size: int) -> None:
    rng = random.Random(size)
    for _ in range(50):
        with pytest.raises(ModelError):
            read_network(rng.randbytes(size), "file")
        with pytest.raises(ModelError):
            read_network(rng.randbytes(4) + b"TFL3" + rng.randbytes(size), "file")


def test_a_small_file_that_unfolds_into_a_huge_one_is_refused() -> None:
    """A list may name one part many times: 300,000 operators in a file of 1.2 MB."""
    file = FileWriter()
    tensor = file.tensor("x" * 50, "float32", [1])
    file.operator("RELU", [tensor], [tensor])
    file.graph.operators *= 3
    content = bytearray(file.content([tensor], [tensor]))
    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    vector = graph._tab.Vector(graph._tab.Offset(10)) - 4
    target = graph.Operators(0)._tab.Pos
    # The list moves to the end of the file, every element of it an offset forward to a copy of the operators there.
    many = 300_000
    start = len(content)
    moved = many.to_bytes(4, "little") + b"".join(
        (start + 4 + 4 * many - (start + 4 + 4 * place)).to_bytes(4, "little") for place in range(many)
    )
    content += moved + content[target : target + 64]
    field = graph._tab.Pos + graph._tab.Offset(10)
    content[field : field + 4] = (start - field).to_bytes(4, "little")
    assert vector != start
    with pytest.raises(ModelError, match="parts"):
        read_network(bytes(content), "file")


def test_a_constant_that_contradicts_its_shape_is_refused() -> None:
    file = FileWriter()
    weights = file.stored("w", "int8", np.ones((2, 2)))
    file.graph.tensors[weights].shape = [2, 3]
    file.operator("RELU", [weights], [file.tensor("out", "int8", [2, 3])])
    with pytest.raises(ModelError, match="'w' has 4 bytes, and its shape asks for 6"):
        read_network(file.content([], [1]), "file")


def test_a_graph_that_nobody_could_look_at_is_not_drawn() -> None:
    file = FileWriter()
    tensor = file.tensor("x", "float32", [1])
    for _ in range(501):
        file.operator("RELU", [tensor], [file.tensor("y", "float32", [1])])
    with pytest.raises(UsageError, match="501 operators"):
        draw(read_network(file.content([tensor], [tensor]), "file").graphs[0], "file", "svg")


def test_the_command_tells_of_a_model_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(SHIPPED), "--json", "--drawing", str(tmp_path / "graph.svg")]) == 0
    told = json.loads(capsys.readouterr().out)
    manifest = json.loads((SHIPPED / "manifest.json").read_bytes())
    assert told["sha256"] == manifest["files"]["model.tflite"]["sha256"]
    assert told["graphs"][0]["inputs"][0]["dtype"] == "uint8"
    assert b"DEPTHWISE_CONV_2D" in (tmp_path / "graph.svg").read_bytes()
    assert main(["inspect", str(SHIPPED)]) == 0
    assert capsys.readouterr().out.startswith("chamber5: ")


def test_bad_input_is_refused_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = Path(shutil.copytree(SHIPPED, tmp_path / "changed"))
    with (changed / "model.tflite").open("ab") as file:
        file.write(b"x")
    bare = tmp_path / "run"
    bare.mkdir()
    (bare / "int8.tflite").write_bytes(b"no")
    for argv, code, said in (
        ([str(tmp_path / "absent.tflite")], 12, "there is no such file"),
        ([str(changed)], 12, "bytes, the manifest says"),
        ([str(bare)], 12, "it holds int8.tflite"),
        ([str(bare / "int8.tflite")], 12, "it is not a TensorFlow Lite file"),
        (["/dev/zero"], 12, "there is no such file"),
        ([str(SHIPPED), "--drawing", "graph.gif"], 2, "a name that ends in .svg or .png"),
        ([str(SHIPPED), "--drawing", str(tmp_path / "absent" / "graph.svg")], 13, "choose another place"),
    ):
        assert main(["inspect", *argv]) == code
        assert said in capsys.readouterr().err


def test_a_file_is_never_handed_to_an_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an interpreter was made")

    monkeypatch.setattr("ai_edge_litert.interpreter.Interpreter.__init__", refuse)
    assert main(["inspect", str(SHIPPED), "--json"]) == 0


def test_the_command_answers_without_loading_tensorflow() -> None:
    program = f"""
import sys
from modelworks.cli import main
assert main(["inspect", {str(SHIPPED)!r}]) == 0
assert not {{"tensorflow", "keras", "matplotlib"}} & set(sys.modules)
"""
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
