"""No block is torn apart, no picture is lost, and a seed always splits alike."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import UsageError
from modelworks.dataset import Picture
from modelworks.split import SplitPlan, fold_splits, group_of, split_pictures


def picture(label: str, number: int) -> Picture:
    return Picture(f"{label}/{label}{number}.jpg", label, f"{label}{number}")


numbers = st.sets(st.integers(0, 400), min_size=30, max_size=120)
plans = st.builds(
    SplitPlan,
    block=st.integers(1, 8),
    seed=st.integers(0, 99),
    validation=st.floats(0.05, 0.3),
    test=st.floats(0.05, 0.4),
)


@given(glass=numbers, metal=numbers, plan=plans)
def test_every_picture_is_in_exactly_one_part_and_no_block_in_two(
    glass: set[int], metal: set[int], plan: SplitPlan
) -> None:
    everything = [picture("glass", n) for n in glass] + [picture("metal", n) for n in metal]
    parts = split_pictures(everything, plan).parts()
    assert sorted(each.path for part in parts.values() for each in part) == sorted(each.path for each in everything)
    groups = [{group_of(each, plan) for each in part} for part in parts.values()]
    assert sum(map(len, groups)) == len(set().union(*groups))


@given(glass=numbers, metal=numbers, plan=plans)
def test_every_part_has_every_class(glass: set[int], metal: set[int], plan: SplitPlan) -> None:
    everything = [picture("glass", n) for n in glass] + [picture("metal", n) for n in metal]
    for part in split_pictures(everything, plan).parts().values():
        assert {each.label for each in part} == {"glass", "metal"}


@given(found=numbers, plan=plans, rng=st.randoms(use_true_random=False))
def test_the_split_depends_on_the_seed_and_not_on_the_order_of_the_files(found: set[int], plan: SplitPlan, rng) -> None:  # type: ignore[no-untyped-def]
    everything = [picture("glass", n) for n in found]
    shuffled = list(everything)
    rng.shuffle(shuffled)
    assert split_pictures(everything, plan) == split_pictures(shuffled, plan)


def test_another_seed_splits_otherwise() -> None:
    everything = [picture("glass", n) for n in range(200)]
    assert split_pictures(everything, SplitPlan(seed=1)) != split_pictures(everything, SplitPlan(seed=2))


def test_the_shares_are_met_where_every_picture_is_a_group() -> None:
    parts = split_pictures([picture("glass", n) for n in range(100)], SplitPlan("pictures")).parts()
    assert {name: len(part) for name, part in parts.items()} == {"train": 70, "validation": 10, "test": 20}


def test_neighbouring_numbers_share_a_block_and_only_within_their_class() -> None:
    plan = SplitPlan(block=20)
    assert group_of(picture("glass", 20), plan) == group_of(picture("glass", 39), plan)
    assert group_of(picture("glass", 19), plan) != group_of(picture("glass", 20), plan)
    assert group_of(picture("glass", 20), plan) != group_of(picture("metal", 20), plan)


def test_a_name_without_a_number_has_no_block() -> None:
    nameless = [Picture("glass/bottle.jpg", "glass", "0")]
    with pytest.raises(UsageError, match=r"bottle\.jpg has no number.*--split pictures"):
        split_pictures(nameless, SplitPlan())


def test_a_class_of_one_block_cannot_be_split_in_three() -> None:
    with pytest.raises(UsageError, match=r"'glass' has 1 group.*smaller groups"):
        split_pictures([picture("glass", n) for n in range(20)], SplitPlan())


@pytest.mark.parametrize(
    "wrong",
    [{"by": "mood"}, {"block": 0}, {"validation": 0.0}, {"test": 1.0}, {"validation": 0.5, "test": 0.5}],
)
def test_a_plan_that_leaves_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"split|block|shares"):
        SplitPlan(**wrong)  # type: ignore[arg-type]


def test_the_number_is_the_last_one_of_the_file_name() -> None:
    there = Picture(Path("pet-2/cam1-0047.jpg").as_posix(), "pet-2", "0")
    assert group_of(there, SplitPlan(block=10)) == "pet-2/4"


@given(glass=st.sets(st.integers(0, 400), min_size=60), metal=st.sets(st.integers(0, 400), min_size=60), plan=plans)
def test_every_picture_tests_in_exactly_one_fold_and_no_block_is_torn(
    glass: set[int], metal: set[int], plan: SplitPlan
) -> None:
    everything = [picture("glass", n) for n in glass] + [picture("metal", n) for n in metal]
    plan = replace(plan, block=min(plan.block, 4))
    folds = fold_splits(everything, plan, 4)
    assert sorted(each.path for fold in folds for each in fold.test) == sorted(each.path for each in everything)
    for fold in folds:
        parts = fold.parts().values()
        assert sorted(each.path for part in parts for each in part) == sorted(each.path for each in everything)
        groups = [{group_of(each, plan) for each in part} for part in parts]
        assert sum(map(len, groups)) == len(set().union(*groups))


def test_the_folds_test_about_equally_many_of_every_class() -> None:
    everything = [picture(label, n) for label in ("glass", "metal") for n in range(200)]
    for fold in fold_splits(everything, SplitPlan(block=10), 5):
        assert [sum(each.label == label for each in fold.test) for label in ("glass", "metal")] == [40, 40]
        assert len(fold.validation) == pytest.approx(40, abs=20)


def test_a_split_as_one_of_the_folds_is_that_fold() -> None:
    everything = [picture(label, n) for label in ("glass", "metal") for n in range(200)]
    plan = SplitPlan(block=10)
    for number, fold in enumerate(fold_splits(everything, plan, 5), 1):
        assert split_pictures(everything, replace(plan, fold=number, folds=5)) == fold


@pytest.mark.parametrize(("fold", "folds"), [(0, 5), (6, 5), (1, 1), (1, 0), (-1, 5)])
def test_a_fold_that_is_not_there_is_refused(fold: int, folds: int) -> None:
    with pytest.raises(ValueError, match="a fold is one of 1 to 2 or more"):
        SplitPlan(fold=fold, folds=folds)


def test_too_few_groups_for_the_folds_are_refused() -> None:
    everything = [picture(label, n) for label in ("glass", "metal") for n in range(60)]
    with pytest.raises(UsageError, match="5 folds need 7"):
        fold_splits(everything, SplitPlan(block=20), 5)


def test_a_fold_that_would_leave_nothing_to_learn_from_is_refused() -> None:
    """Near duplicates bind most of a class together; when that group chooses or trains alone, nothing is left."""
    everything = [picture(label, n) for label in ("glass", "metal") for n in range(120)]
    bound = [("glass/glass0.jpg", "glass/glass20.jpg"), ("glass/glass20.jpg", "glass/glass40.jpg")]
    with pytest.raises(UsageError, match="class 'glass' has one group besides those that a fold tests on"):
        fold_splits(everything, SplitPlan(block=20), 2, bound)


def test_a_small_class_gives_one_group_of_a_fold_to_choose_by_and_not_two() -> None:
    """A class of 140 in blocks of 20 has few to learn from: each block that chooses is a quarter of them."""
    everything = [picture("glass", n) for n in range(400)] + [picture("trash", n) for n in range(140)]
    for fold in fold_splits(everything, SplitPlan(), 5):
        assert sum(each.label == "trash" for each in fold.validation) == 20
        assert 40 <= sum(each.label == "glass" for each in fold.validation) <= 50


@given(glass=numbers, metal=numbers, plan=plans, data=st.data())
def test_near_duplicates_stay_in_one_part(
    glass: set[int], metal: set[int], plan: SplitPlan, data: st.DataObject
) -> None:
    plan = replace(plan, block=min(plan.block, 2))
    everything = [picture("glass", n) for n in glass] + [picture("metal", n) for n in metal]
    one_of = st.sampled_from(sorted(glass))
    pairs = data.draw(st.lists(st.tuples(one_of, one_of), min_size=1, max_size=6))
    bound = [(f"glass/glass{a}.jpg", f"glass/glass{b}.jpg") for a, b in pairs]
    for split in (split_pictures(everything, plan, bound), *fold_splits(everything, plan, 2, bound)):
        part_of = {each.path: name for name, part in split.parts().items() for each in part}
        assert len(part_of) == len(everything)
        assert all(part_of[one] == part_of[other] for one, other in bound)


def test_a_group_larger_than_a_part_should_be_trains() -> None:
    """Near duplicates can bind nearly half of a class together: as validation, it would leave little to learn from."""
    everything = [picture(label, n) for label in ("glass", "metal") for n in range(200)]
    bound = [(f"glass/glass{n}.jpg", f"glass/glass{n + 10}.jpg") for n in range(0, 90, 10)]
    for seed in range(20):
        split = split_pictures(everything, SplitPlan(block=10, seed=seed), bound)
        assert sum(each.label == "glass" for each in split.validation) <= 30
        assert sum(each.label == "glass" for each in split.test) <= 60


def test_a_pair_under_two_labels_binds_nothing() -> None:
    everything = [picture(label, n) for label in ("glass", "metal") for n in range(60)]
    bound = [("glass/glass1.jpg", "metal/metal1.jpg"), ("glass/gone.jpg", "glass/glass2.jpg")]
    plan = SplitPlan(block=4)
    assert split_pictures(everything, plan, bound) == split_pictures(everything, plan)
