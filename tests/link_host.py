"""A host in a process of its own, to be killed: `python -m link_host PORT [hang]` diverts, and prints when it has.

With `hang` its loop then sleeps in the middle of a turn; else it goes on turning. It prints monotonic nanoseconds.
"""

import sys
import time

from appliance.records import SortCommand
from appliance.sorter.framed import FramedOptions, FramedSorter

OUT_S = 0.25
"""After so long the arm is out, and the board has told several times that it lives."""


def main(port: str, *hang: str) -> None:
    sorter = FramedSorter(FramedOptions(kind="framed", port=port))
    last_seq = sorter.open().last_seq
    now_ns = time.monotonic_ns()
    sorter.submit(SortCommand((last_seq or 0) + 1, "bin", 0, now_ns, now_ns + 1_000_000_000))
    deadline = time.monotonic() + OUT_S
    while time.monotonic() < deadline:
        sorter.events(0.01)
    print(time.monotonic_ns(), flush=True)
    if hang:
        time.sleep(60)
    while True:
        sorter.events(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
