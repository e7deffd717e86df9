"""What a look at the pictures means: findings with a verdict, the evidence and a remedy. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelworks.datacheck import DataCheck, NearPair
from modelworks.datafigures import PARTS, counts, odd_sizes, paths_of, size_range
from modelworks.dataset import Picture

__all__ = ["FALSIFIED", "Finding", "Verdict", "exit_code", "findings"]

FALSIFIED = 1
"""The exit code when a result on these pictures cannot be believed."""

NAMED = 5
UNBALANCED = 3.0
"""From here on a network may do well by forgetting the smallest class."""
FEW_TESTED = 10
"""With fewer, even ten right of ten leave a recall of 72 % possible (95 % interval)."""


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. FAIL: a result on these pictures cannot be believed."""

    check: str
    verdict: Verdict
    evidence: str
    remedy: str = ""


def findings(check: DataCheck) -> list[Finding]:
    """All of them, in the order in which they are worth mending."""
    return [
        _files(check),
        _labels(check),
        _copies(check),
        _classes(check),
        _sizes(check),
        _split(check),
        _near(check),
        _across_labels(check),
        _across_parts(check),
    ]


def exit_code(found: Iterable[Finding]) -> int:
    """0, or `FALSIFIED` if anything failed."""
    return FALSIFIED if any(finding.verdict is Verdict.FAIL for finding in found) else 0


def _files(check: DataCheck) -> Finding:
    faulty = [*check.unreadable, *(f"{path} ({reason})" for path, reason in check.listing.unopened)]
    if not faulty:
        return Finding("files", Verdict.OK, f"all {len(check.readable)} can be read")
    remedy = "open them in a viewer; remove or replace the broken ones: `train` refuses them"
    return Finding("files", Verdict.FAIL, f"{len(faulty)} cannot be read: {_names(faulty)}", remedy)


def _labels(check: DataCheck) -> Finding:
    groups = check.listing.contradictions
    if not groups:
        return Finding("labels", Verdict.OK, "no file stands under two labels")
    shown = _names([" = ".join(paths_of(group)) for group in groups])
    remedy = "keep each under the label that is right; until then `train` uses none of them"
    return Finding("labels", Verdict.FAIL, f"{len(groups)} file(s) under two labels: {shown}", remedy)


def _copies(check: DataCheck) -> Finding:
    groups = check.listing.copies
    if not groups:
        return Finding("copies", Verdict.OK, "no two files are equal")
    shown = _names([" = ".join(paths_of(group)) for group in groups])
    remedy = "nothing to do: of each only the first is used"
    return Finding("copies", Verdict.WARN, f"{len(groups)} picture(s) more than once: {shown}", remedy)


def _classes(check: DataCheck) -> Finding:
    sizes = {label: row["pictures"] for label, row in counts(check).items()}
    small, large = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    evidence = f"{len(sizes)} classes, from {sizes[small]} pictures of {small} to {sizes[large]} of {large}"
    if sizes[small] == sizes[large]:
        evidence = f"{len(sizes)} classes of {sizes[large]} pictures each"
    if sizes[large] < UNBALANCED * sizes[small]:
        return Finding("classes", Verdict.OK, evidence)
    remedy = f"take more pictures of {small}; train with class weights, and judge by each class's recall"
    return Finding("classes", Verdict.WARN, evidence, remedy)


def _sizes(check: DataCheck) -> Finding:
    if not check.sizes:
        return Finding("sizes", Verdict.WARN, "no picture can be read")
    size = size_range(check)
    shown = " to ".join(dict.fromkeys(f"{width} x {height}" for width, height in (size["min"], size["max"])))
    evidence = f"{shown}, half of them {size['median'][0]} x {size['median'][1]} or smaller"
    odd = odd_sizes(check)
    if not odd:
        return Finding("sizes", Verdict.OK, evidence if size["min"] != size["max"] else f"all {shown}")
    remedy = "the network sees all of them as one square: keep to the shape of the machine's camera"
    return Finding("sizes", Verdict.WARN, f"{evidence}; {len(odd)} unlike the rest: {_names(odd)}", remedy)


def _split(check: DataCheck) -> Finding:
    parts, rows = check.parts, counts(check)
    if parts.error:
        return Finding("split", Verdict.FAIL, parts.error.found, parts.error.remedy)
    total = {part: sum(row[part] for row in rows.values()) for part in PARTS}
    evidence = f"{parts.name}: " + ", ".join(f"{part} {count}" for part, count in total.items())
    new = [picture.path for picture in check.readable if picture.sha256 not in parts.of]
    if parts.gone or new:
        changed = [
            f"{len(found)} {how}: {_names(found)}" for how, found in (("gone", parts.gone), ("new", new)) if found
        ]
        remedy = "give the folder that the run was trained on, or train again"
        return Finding("split", Verdict.FAIL, f"{evidence}; {'; '.join(changed)}", remedy)
    few = [f"{label} ({row['test']})" for label, row in rows.items() if row["test"] < FEW_TESTED]
    if few:
        remedy = "take more pictures, or validate over folds: so few cannot tell a class's recall"
        return Finding("split", Verdict.WARN, f"{evidence}; few to test: {_names(few)}", remedy)
    return Finding("split", Verdict.OK, evidence)


def _near(check: DataCheck) -> Finding:
    if not check.pairs:
        return Finding("near duplicates", Verdict.OK, "none found")
    within = len(check.pairs) - len(check.crossing)
    evidence = f"{_pairs(check.pairs)}, {within} of them within one part"
    if not check.every_pair:
        remedy = "this looks like a film: keep one picture of each scene"
        return Finding("near duplicates", Verdict.FAIL, f"more than {len(check.pairs)} pairs; the rest unseen", remedy)
    return Finding("near duplicates", Verdict.OK, evidence)


def _across_labels(check: DataCheck) -> Finding:
    pairs = [pair for pair in check.pairs if pair.disagrees]
    if not pairs:
        return Finding("across labels", Verdict.OK, "no near duplicate under another label")
    remedy = "look at them: one of the two labels may be wrong"
    return Finding("across labels", Verdict.WARN, f"{_pairs(pairs)} under two labels: {_told(pairs)}", remedy)


def _across_parts(check: DataCheck) -> Finding:
    if check.parts.error:
        return Finding("across parts", Verdict.WARN, "not looked at: there is no split")
    pairs = check.crossing
    if not pairs:
        return Finding("across parts", Verdict.OK, "no picture that chooses or tests has a near duplicate in training")
    rows = counts(check)
    shares = [
        f"{len(check.leaked(part))} of {sum(row[part] for row in rows.values())} {part} pictures" for part in PARTS[1:]
    ]
    evidence = f"{_pairs(pairs)} across the parts; {' and '.join(shares)} have one in training: {_told(pairs)}"
    remedy = "look at them (-o SHEET.png); keep one of each pair, or number them so that one block holds both"
    return Finding("across parts", Verdict.FAIL, evidence, remedy)


def _pairs(pairs: Sequence[NearPair]) -> str:
    return f"{len(pairs)} pair" if len(pairs) == 1 else f"{len(pairs)} pairs"


def _told(pairs: Sequence[NearPair]) -> str:
    return _names([" ~ ".join(_with_part(*one) for one in _sides(pair)) for pair in pairs])


def _sides(pair: NearPair) -> list[tuple[Picture, str]]:
    return list(zip((pair.first, pair.second), pair.parts, strict=True))


def _with_part(picture: Picture, part: str) -> str:
    return f"{picture.path} ({part})" if part else picture.path


def _names(paths: Sequence[str]) -> str:
    """The first few, and that there are more."""
    return ", ".join(paths[:NAMED]) + (f" and {len(paths) - NAMED} more" if len(paths) > NAMED else "")
