"""What shows one object stays in one part of the split, in `data check`, in a training and in its folds."""

import csv
import json
import shutil
from itertools import pairwise
from pathlib import Path

import cv2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import scene

from appliance.errors import UsageError
from modelworks.cli import main
from modelworks.dataset import Picture, list_pictures
from modelworks.grouping import read_groups
from modelworks.runfolder import TRAINED, RunFolder
from modelworks.split import Split, SplitPlan, fold_splits, split_pictures

PLAN = SplitPlan("pictures")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 24 pictures; nothing in their names says that every four show one object."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    for place, label in enumerate(("glass", "metal")):
        (folder / label).mkdir(parents=True)
        for number in range(24):
            cv2.imwrite(str(folder / label / f"shot{number:02d}.jpg"), scene(100 * place + number))
    return folder


@pytest.fixture(scope="module")
def objects(photos: Path) -> dict[str, str]:
    """Picture -> object: every sixth picture of a class shows the same one."""
    return {each.path: f"{each.label}-{number % 6}" for number, each in enumerate(list_pictures(photos).pictures)}


def written(place: Path, objects: dict[str, str], header: str = "picture,group") -> Path:
    with place.open("w", newline="") as file:
        file.write(f"{header}\n")
        csv.writer(file).writerows(objects.items())
    return place


def test_no_object_is_torn_by_a_split_or_a_fold(photos: Path, objects: dict[str, str], tmp_path: Path) -> None:
    pairs = read_groups(written(tmp_path / "groups.csv", objects), list_pictures(photos)).pairs
    pictures = list_pictures(photos).pictures
    torn = split_pictures(pictures, PLAN)
    assert any(len(parts_of(objects, torn, each)) > 1 for each in objects.values()), "nothing was tested"
    for split in (split_pictures(pictures, PLAN, pairs), *fold_splits(pictures, PLAN, 3, pairs)):
        assert all(len(parts_of(objects, split, each)) == 1 for each in objects.values())


def parts_of(objects: dict[str, str], split: Split, name: str) -> set[str]:
    return {part for part, chosen in split.parts().items() for each in chosen if objects[each.path] == name}


def test_pictures_that_are_not_named_stand_alone(photos: Path, tmp_path: Path) -> None:
    first, second = list_pictures(photos).pictures[:2]
    path = written(tmp_path / "groups.csv", {first.path: "a", second.path: "a"})
    assert read_groups(path, list_pictures(photos)).pairs == ((first.path, second.path),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("picture,object\n", "column 'group' stands there 0 times"),
        ("picture,group\nglass/none.jpg,a\n", "line 2: there is no picture 'glass/none.jpg'"),
        ("picture,group\n../photos/glass/{0},a\n", "there is no picture"),
        ("picture,group\n\nglass/{0},a\nglass/{0},b\n", "line 4: glass/{0} stands in line 3 already"),
        ("picture,group\nglass/{0},a\nmetal/{1},a\n", "line 3: group 'a' holds metal/{1} and glass/{0}"),
        ("picture,group\nglass/{0},\n", "line 2: glass/{0} has no group"),
        ("picture,group\nglass/{0}\n", "1 fields under 2 columns"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(text: str, said: str, photos: Path, tmp_path: Path) -> None:
    names = [sorted(path.name for path in (photos / label).iterdir())[0] for label in ("glass", "metal")]
    (tmp_path / "groups.csv").write_text(text.format(*names))
    with pytest.raises(UsageError) as caught:
        read_groups(tmp_path / "groups.csv", list_pictures(photos))
    assert said.format(*names) in str(caught.value)


@pytest.mark.parametrize("odd", ["copy", "contradiction", "unreadable", "none"])
def test_a_picture_that_is_left_out_tears_no_group(odd: str, photos: Path, tmp_path: Path) -> None:
    """The middle one of three is; and a copy's original belongs to the group as well."""
    folder = Path(shutil.copytree(photos, tmp_path / "photos"))
    middle, twin = folder / "glass" / "shot01.jpg", folder / "glass" / "shot00.jpg"
    if odd == "copy":
        shutil.copy(twin, middle)
    elif odd == "contradiction":
        shutil.copy(folder / "metal" / "shot01.jpg", middle)
    elif odd == "unreadable":
        middle.chmod(0)
    group = {f"glass/shot{number:02d}.jpg": "one" for number in (5, 1, 20)}
    listing = list_pictures(folder)
    groups = read_groups(written(tmp_path / "groups.csv", group), listing)
    bound = set(group) | ({"glass/shot00.jpg"} if odd == "copy" else set())
    for seed in range(20):
        parts = split_pictures(listing.pictures, SplitPlan("pictures", seed=seed), groups.pairs).parts()
        assert sum(any(each.path in bound for each in chosen) for chosen in parts.values()) == 1


def test_a_film_of_one_object_is_bound_quickly(photos: Path) -> None:
    """In no more than a few steps a picture: 100,000 of them would otherwise take minutes."""
    chain = [Picture(f"glass/{number:06d}.jpg", "glass", f"{number:064d}") for number in range(100_000)]
    ends = [Picture(f"glass/end{number}.jpg", "glass", f"{number:064x}") for number in range(2)]
    pairs = [(one.path, other.path) for one, other in pairwise(reversed(chain))]
    parts = split_pictures([*chain, *ends], PLAN, pairs).parts()
    assert len(parts["train"]) == len(chain)


@given(
    rows=st.lists(st.tuples(st.sampled_from(["glass/shot00.jpg", "glass/", "metal/shot01.jpg", "x" * 300]), st.text())),
    tail=st.binary(max_size=50),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_rows_are_groups_or_refused(rows: list[tuple[str, str]], tail: bytes, photos: Path, tmp_path: Path) -> None:
    text = "picture,group\n" + "".join(f"{picture},{group}\n" for picture, group in rows)
    (tmp_path / "any.csv").write_bytes(text.encode(errors="replace") + tail)
    try:
        groups = read_groups(tmp_path / "any.csv", list_pictures(photos))
    except UsageError:
        return
    assert len(groups.digest) == 64


def test_data_check_splits_by_them(
    photos: Path, objects: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = written(tmp_path / "groups.csv", objects)
    assert main(["data", "check", str(photos), "--split", "pictures", "--groups", str(groups), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "groups kept together" in json.dumps(told["findings"])
    # Whole objects: four pictures each.
    assert all(told["classes"][label][part] % 4 == 0 for label in ("glass", "metal") for part in ("validation", "test"))
    assert main(["data", "check", str(photos), "--split", "pictures", "--groups", str(groups)]) == 0
    assert "groups.csv: 12 groups with 48 of 48 pictures" in capsys.readouterr().out
    assert main(["data", "check", str(photos), "--groups", str(tmp_path / "none.csv")]) == UsageError.exit_code
    assert "reading the groups" in capsys.readouterr().err


def test_groups_beside_a_split_that_was_made_already_are_refused(
    photos: Path, objects: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = written(tmp_path / "groups.csv", objects)
    assert main(["data", "check", str(photos), "--run", str(tmp_path), "--groups", str(groups)]) == UsageError.exit_code
    assert "--groups with --run" in capsys.readouterr().err


@pytest.mark.workstation
def test_a_run_and_its_folds_keep_to_the_groups(
    photos: Path, objects: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow", reason="needs the extra `train`")
    groups, run = written(tmp_path / "groups.csv", objects), RunFolder(tmp_path / "run")
    argv = ["train", str(photos), "-o", str(run.path), "--weights", "none", "--alpha", "0.25", "--size", "32"]
    argv += ["--epochs", "1", "--split", "pictures", "--batch", "9"]
    assert main([*argv, "--groups", str(groups)]) == 0
    (run.path / TRAINED).unlink()  # as if it had been interrupted at its very end
    capsys.readouterr()
    assert main(argv) == UsageError.exit_code
    assert "another recipe" in capsys.readouterr().err
    assert main([*argv, "--groups", str(groups)]) == 0
    assert main(["validate", str(run.path), "--folds", "2", "--recipe", "float16"]) == 0
    for split in (run.split(), *(run.fold(number).split() for number in (1, 2))):
        assert all(len(parts_of(objects, split, each)) == 1 for each in objects.values())
