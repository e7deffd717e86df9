"""How much of what goes wrong on a line the link is tried with, and a trial of it: the rows of the table of figures."""

from dataclasses import dataclass

from link_judge import Verdict, judge
from link_world import Plan, World
from noisy_wire import Noise

__all__ = ["HEADER", "KINDS", "Trial", "noise_of", "row", "tried"]

KINDS = ("loss", "corruption", "duplication", "delay", "all")
"""Bytes are lost in each; in the others bytes are changed as often, or doubled as often and 2 % of the frames come
again within 3 s, or 2 % of the frames and all behind them are held up for up to 0.1 s."""
_FRAMES = 0.02
_COLUMNS = ("items", "done", "failed", "unknown", "later", "duplicate", "stale", "wrong", "without", "stray")
HEADER = f"{'bytes':>6} {'line':>12} {'trouble':>8} {'moved':>9}" + "".join(f"{name:>10}" for name in _COLUMNS)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a run came to; `troubles` and `handshakes` say how much happened in it."""

    verdict: Verdict
    handshakes: int
    troubles: int


def noise_of(kind: str, share: float) -> Noise:
    """A line that does this to such a share of its bytes."""
    more = {one: kind in (one, "all") for one in KINDS[1:]}
    return Noise(
        loss=share,
        corruption=share * more["corruption"],
        doubling=share * more["duplication"],
        replay=_FRAMES * more["duplication"],
        stall=_FRAMES * more["delay"],
    )


def tried(plan: Plan) -> Trial:
    """Let it happen, and judge it."""
    world = World(plan).run()
    return Trial(judge(world.items.values(), world.moved), world.handshakes, sum(world.troubles.values()))


def row(kind: str, share: float, trial: Trial) -> str:
    """A line below HEADER."""
    counts = "".join(f"{getattr(trial.verdict, name):>10}" for name in _COLUMNS)
    return f"{share:>6.1%} {kind:>12} {trial.troubles:>8} {trial.verdict.share:>9.3%}{counts}"
