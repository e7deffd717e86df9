"""What the kernel of a convolution sees of its input, position by position."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["POINT", "Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A kernel of `size` (rows, columns) that looks at `height` x `width` places, `stride` apart; the first one begins
    `before` rows and columns outside of the input, where everything is 0."""

    size: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int]
    height: int
    width: int

    @classmethod
    def of(cls, size: Sequence[int], stride: Sequence[int], padding: str, sides: Sequence[int]) -> "Window":
        """For an input of `sides` (height, width); `padding` is "same" or "valid".

        Source: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
        """
        axes = tuple(zip(size, stride, sides, strict=True))
        if padding == "valid":
            counts, before = [(side - length) // step + 1 for length, step, side in axes], [0, 0]
        else:
            counts = [-(-side // step) for _, step, side in axes]
            before = [
                max(0, (count - 1) * step + length - side) // 2
                for count, (length, step, side) in zip(counts, axes, strict=True)
            ]
        return cls((size[0], size[1]), (stride[0], stride[1]), (before[0], before[1]), counts[0], counts[1])

    @property
    def places(self) -> int:
        return self.height * self.width

    def seen(self, tensor: NDArray[np.float32], chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        """What the kernel sees at the chosen places, counted row by row: (inputs x chosen, size, channels).

        `tensor`: (inputs, height, width, channels), or (inputs, channels) where a place is all there is.
        """
        sides = tensor.shape[1:3] if tensor.ndim == 4 else (1, 1)
        tensor = tensor.reshape(len(tensor), *sides, tensor.shape[-1])
        margin = [(0, 0), (self.before[0], self.size[0]), (self.before[1], self.size[1]), (0, 0)]
        padded = tensor if self.size == (1, 1) else np.pad(tensor, margin)
        down, right = np.divmod(np.arange(self.size[0] * self.size[1]), self.size[1])
        rows = (chosen // self.width * self.stride[0])[:, None] + down
        columns = (chosen % self.width * self.stride[1])[:, None] + right
        seen = padded[:, rows, columns]
        return np.asarray(seen.reshape(-1, *seen.shape[2:]))


POINT = Window((1, 1), (1, 1), (0, 0), 1, 1)
"""Of a dense layer."""
