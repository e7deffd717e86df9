"""What trains the network is what the machine will feed it, bit for bit."""

from pathlib import Path

import numpy as np

from appliance.preprocess import Preprocessing, Preprocessor, TensorFormat
from modelworks.augment import Augmentation
from modelworks.batches import inputs_of, shuffled_batches
from modelworks.dataset import decode_all, list_pictures

SPEC = Preprocessing(size=(40, 40))
UNCHANGED = Augmentation(0, False, 0, 0, 0, 0, 0, 0)


def test_training_without_augmentation_feeds_what_the_machine_feeds(pictures: Path) -> None:
    decoded = decode_all(pictures, list_pictures(pictures).pictures)
    machine = Preprocessor(SPEC)
    for chosen, inputs in shuffled_batches(decoded, SPEC, UNCHANGED, 8, seed=1, epoch=1):
        for index, fed in zip(chosen, inputs, strict=True):
            np.testing.assert_array_equal(fed, machine(decoded[index]))


def test_validation_feeds_what_the_machine_feeds_a_quantized_network(pictures: Path) -> None:
    decoded = decode_all(pictures, list_pictures(pictures).pictures)[:4]
    tensor = TensorFormat("uint8", 1 / 127.5, 127)
    machine = Preprocessor(SPEC, tensor)
    np.testing.assert_array_equal(inputs_of(decoded, SPEC, tensor), [machine(pixels) for pixels in decoded])


def test_an_epoch_shows_every_picture_once(pictures: Path) -> None:
    decoded = decode_all(pictures, list_pictures(pictures).pictures)
    shown = [index for chosen, _ in shuffled_batches(decoded, SPEC, UNCHANGED, 8, 1, 1) for index in chosen]
    assert sorted(shown) == list(range(36))


def test_an_epoch_is_the_same_again_and_the_next_is_another(pictures: Path) -> None:
    decoded = decode_all(pictures, list_pictures(pictures).pictures)

    def epoch(number: int) -> list[float]:
        return [float(inputs.mean()) for _, inputs in shuffled_batches(decoded, SPEC, Augmentation(), 8, 1, number)]

    assert epoch(3) == epoch(3)
    assert epoch(3) != epoch(4)


def test_a_last_batch_of_one_is_left_out(pictures: Path) -> None:
    decoded = decode_all(pictures, list_pictures(pictures).pictures)[:9]
    assert [len(chosen) for chosen, _ in shuffled_batches(decoded, SPEC, UNCHANGED, 8, 1, 1)] == [8]
