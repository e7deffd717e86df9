"""A hundred items over a line that loses bytes, on the emulated board: `make acceptance` puts ten thousand through."""

from collections.abc import Callable
from pathlib import Path

from link_items import MOVE_MS, items_over
from link_trials import noise_of
from real.conftest import EmulatedBoard

Emulated = Callable[..., EmulatedBoard]


def test_nothing_moves_twice_or_late_and_done_is_done(emulated: Emulated, tmp_path: Path) -> None:
    board = emulated(f"MOVE_MS={MOVE_MS}")
    board.start()
    run = items_over(board, noise_of("loss", 0.005), 100, tmp_path / "noisy.tty")

    assert run.without_one_outcome == 0, run
    assert (run.unexplained, run.without_movement) == (0, 0), run
    assert run.moved >= 90, run
