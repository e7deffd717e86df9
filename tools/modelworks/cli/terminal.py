"""Where the commands print."""

from rich.console import Console

__all__ = ["Terminal"]


class Terminal(Console):
    """A console whose reader may leave, as in `| head`: `main` ends the command, with one exit code for all of them."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError
