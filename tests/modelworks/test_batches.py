"""What trains the network is what the machine will feed it, bit for bit."""

from pathlib import Path

import numpy as np

from appliance.preprocess import Preprocessing, Preprocessor, TensorFormat
from modelworks.augment import Augmentation
from modelworks.batches import PLAIN, inputs_of, shuffled, view_inputs, view_of
from modelworks.dataset import decode_all, list_pictures

SPEC = Preprocessing(size=(40, 40))
UNCHANGED = Augmentation(0, False, 0, 0, 0, 0, 0, 0)


def test_training_without_augmentation_feeds_what_the_machine_feeds(pictures: Path) -> None:
    decoded = decode_all(pictures, list_pictures(pictures).pictures)
    machine = Preprocessor(SPEC)
    for plan, view in ((UNCHANGED, 3), (Augmentation(), PLAIN)):
        fed = view_inputs(decoded, range(len(decoded)), [view] * len(decoded), SPEC, plan, seed=1)
        np.testing.assert_array_equal(fed, [machine(pixels) for pixels in decoded])


def test_validation_feeds_what_the_machine_feeds_a_quantized_network(pictures: Path) -> None:
    decoded = decode_all(pictures, list_pictures(pictures).pictures)[:4]
    tensor = TensorFormat("uint8", 1 / 127.5, 127)
    machine = Preprocessor(SPEC, tensor)
    np.testing.assert_array_equal(inputs_of(decoded, SPEC, tensor), [machine(pixels) for pixels in decoded])


def test_an_epoch_shows_every_picture_once_in_another_order() -> None:
    first, second = (np.concatenate(list(shuffled(36, 8, 1, epoch))).tolist() for epoch in (1, 2))
    assert sorted(first) == sorted(second) == list(range(36))
    assert first != second
    assert first == np.concatenate(list(shuffled(36, 8, 1, 1))).tolist()


def test_a_last_batch_of_one_is_left_out() -> None:
    assert [len(chosen) for chosen in shuffled(9, 8, 1, 1)] == [8]


def test_a_view_is_the_same_again_whatever_stands_beside_it(pictures: Path) -> None:
    decoded = decode_all(pictures, list_pictures(pictures).pictures)[:3]
    together = view_inputs(decoded, [5, 6, 7], [2, 2, 2], SPEC, Augmentation(), seed=1)
    alone = view_inputs(decoded[1:2], [6], [2], SPEC, Augmentation(), seed=1)
    np.testing.assert_array_equal(together[1], alone[0])
    for other in ({"keys": [6], "views": [3], "seed": 1}, {"keys": [6], "views": [2], "seed": 2}):
        assert not np.array_equal(alone, view_inputs(decoded[1:2], spec=SPEC, plan=Augmentation(), **other))


def test_every_view_has_its_turn_and_fresh_ones_never_come_back() -> None:
    assert sorted(view_of(17, epoch, 4) for epoch in range(1, 5)) == [1, 2, 3, 4]
    assert [view_of(17, epoch, 0) for epoch in (1, 2, 3)] == [1, 2, 3]
