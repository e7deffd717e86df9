"""A million items over bad lines: none moved twice, none late, one outcome each; most arrive. Prints a table."""

import os
from concurrent.futures import ProcessPoolExecutor
from itertools import product

from link_judge import Verdict
from link_trials import HEADER, KINDS, Trial, noise_of, row, tried
from link_world import Plan

ITEMS = int(os.environ.get("LINK_ITEMS", "1500000"))
SHARES = (0.001, 0.005, 0.01, 0.05, 0.2)
WANTED = {0.001: 0.999, 0.005: 0.999, 0.01: 0.99}
"""Of the items of a line that only makes noise, by the share of its bytes that are lost."""
TROUBLE_S = 10.0
AT_ONCE = os.cpu_count() or 1


def test_a_million_items_over_bad_lines() -> None:
    each = ITEMS // (2 * len(SHARES) * len(KINDS))
    cells = list(product((None, TROUBLE_S), SHARES, KINDS))
    plans = [
        Plan(noise_of(kind, share), each, seed, trouble_s=trouble_s)
        for seed, (trouble_s, share, kind) in enumerate(cells)
    ]
    print("\n" + HEADER, flush=True)
    trials: list[Trial] = []
    with ProcessPoolExecutor(AT_ONCE) as pool:
        for (_, share, kind), trial in zip(cells, pool.map(tried, plans), strict=True):
            trials.append(trial)
            print(row(kind, share, trial), flush=True)
    total = sum((one.verdict for one in trials), Verdict())
    print(f"{total.items} items, {sum(one.troubles for one in trials)} troubles: {total.broken} broken promises")

    assert total.broken == 0
    assert sum(one.verdict.done for one in trials) > 0.5 * total.items
    calm = [
        (share, kind, one.verdict.share)
        for (trouble_s, share, kind), one in zip(cells, trials, strict=True)
        if trouble_s is None
    ]
    assert [one for one in calm if one[2] < WANTED.get(one[0], 0)] == []
