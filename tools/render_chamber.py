"""The command `python tools/render_chamber.py DIR`: pictures of a sorting chamber, drawn with Blender.

One seed gives one set: the same items in the same poses under the same light everywhere, and the same pixels on the
same machine with the same Blender. Exit codes are those of `appliance.errors`: 0 all is drawn, 2 the command or its
environment is wrong, 13 the folder cannot be written, 130 interrupted.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from appliance.errors import ApplianceError, UsageError
from chamber.clip import FRAMES_FILE, plan_clip
from chamber.drawing import Settings, Studio, check, draw, missing, write
from chamber.items import CLASSES
from chamber.shots import MOST_STILLS, Shot, stills
from modelworks.progress import reporting

__all__ = ["main"]

SIZE_PX = 256
SAMPLES = 12
"""As in the set that the shipped chamber model learned from."""
SMALLEST_PX = 16
INTERRUPTED = 130

DESCRIPTION = f"""\
Draw a sorting chamber as its camera sees it, with nothing in it or one of
{", ".join(CLASSES)}.

  stills  --per-class and --empties: one folder a class, every item of another design, in
          another pose, under slightly other light. This is what `modelworks train` reads.
  clip    --clip: one camera's stream. Empty frames lead, then items come, rest and go,
          with gaps between; frames.json names each frame's label ("" = empty) and item.
          This is what the appliance's folder camera plays and scores."""
EPILOG = """\
examples:
  python tools/render_chamber.py data/chamber --per-class 160 --empties 50
  python tools/render_chamber.py data/chamber-clip --clip 25 --seed 1

Pictures that are there are not drawn again: give an interrupted command once more, or a
larger number, and only what is missing is drawn. Measure a model on a clip of another seed
than the stills that it learned from. Blender is needed: docs/rendering.md."""

OpenStudio = Callable[[int, int], AbstractContextManager[Studio]]


@dataclass(frozen=True, slots=True)
class Job:
    """What one command asks for: the shots, what they have in common, and the files that say it is complete."""

    shots: tuple[Shot, ...]
    settings: Settings
    last: Mapping[str, bytes]


def main(argv: Sequence[str] | None = None, open_studio: OpenStudio | None = None) -> int:
    """Run the command; returns its exit code. `open_studio` (size, samples) is Blender unless given."""
    arguments = _parser().parse_args(argv)
    try:
        _run(arguments.folder, _job(arguments), arguments, open_studio or _open_blender)
    except ApplianceError as error:
        print(f"render_chamber: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("render_chamber: interrupted; it goes on where it stopped when given again", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="render_chamber.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the pictures go; made if it is not there")
    what = parser.add_argument_group("what to draw", "stills or a clip, each into a folder of its own")
    what.add_argument("--per-class", type=_count, default=0, metavar="N", help="stills of each of the five classes")
    what.add_argument("--empties", type=_count, default=0, metavar="N", help="stills of the empty chamber")
    what.add_argument("--clip", type=_count, default=0, metavar="N", help="a stream of N items, about 13 frames each")
    how = parser.add_argument_group("how")
    how.add_argument("--seed", type=_count, default=0, metavar="S", help="decides everything that chance decides (0)")
    how.add_argument("--size", type=_count, default=SIZE_PX, metavar="PX", help=f"side of a picture ({SIZE_PX})")
    how.add_argument("--samples", type=_count, default=SAMPLES, metavar="N", help=f"light paths a pixel ({SAMPLES})")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 up")
    return int(text)


def _job(arguments: argparse.Namespace) -> Job:
    """Raises: UsageError: the arguments ask for nothing, for both kinds, or for what cannot be drawn."""
    doing = "reading the command line"
    if not (arguments.per_class or arguments.empties or arguments.clip):
        raise UsageError(doing, "nothing to draw", "--per-class 160 --empties 50, or --clip 25; --help tells more")
    if arguments.clip and (arguments.per_class or arguments.empties):
        raise UsageError(doing, "stills and a clip at once", "two commands with two folders")
    if max(arguments.per_class, arguments.empties) > MOST_STILLS:
        raise UsageError(doing, f"more than {MOST_STILLS} stills of a kind", "a second command with another --seed")
    if arguments.size < SMALLEST_PX or arguments.samples < 1:
        raise UsageError(doing, "pictures of nothing", f"--size {SMALLEST_PX} and --samples 1 at least")
    return _clip(arguments) if arguments.clip else _stills(arguments)


def _stills(arguments: argparse.Namespace) -> Job:
    settings = {"kind": "stills", "size": arguments.size, "samples": arguments.samples}
    return Job(tuple(stills(arguments.seed, arguments.per_class, arguments.empties)), settings, {})


def _clip(arguments: argparse.Namespace) -> Job:
    clip = plan_clip(arguments.seed, arguments.clip)
    settings = {"kind": "clip", "size": arguments.size, "samples": arguments.samples}
    frames = json.dumps([asdict(row) for row in clip.rows], indent=0) + "\n"
    return Job(clip.shots, settings | {"seed": arguments.seed, "items": arguments.clip}, {FRAMES_FILE: frames.encode()})


def _run(folder: Path, job: Job, arguments: argparse.Namespace, open_studio: OpenStudio) -> None:
    check(folder, job.settings)
    left = missing(folder, job.shots)
    if left:
        console = Console(stderr=True)
        with (
            open_studio(arguments.size, arguments.samples) as studio,
            reporting("drawing", sum(shot.cost for shot in left), console) as report,
        ):
            draw(folder, left, job.settings, studio, report)
    for name, content in job.last.items():
        write(folder / name, content)
    print(f"{_pictures(left)} pictures drawn, {_pictures(job.shots) - _pictures(left)} were there: {folder}")


def _pictures(shots: Sequence[Shot]) -> int:
    return sum(len(shot.pictures) for shot in shots)


def _open_blender(size_px: int, samples: int) -> AbstractContextManager[Studio]:
    """Raises: UsageError: bpy cannot be imported, with the way to install it."""
    from chamber.blender import open_studio

    return open_studio(size_px, samples)


if __name__ == "__main__":
    sys.exit(main())
