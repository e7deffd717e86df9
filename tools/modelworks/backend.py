"""TensorFlow and Keras, set up before they begin: the one file that imports them for networks of this Keras."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Operators that run side by side add gradients in the order of their finishing: measured, two runs of one seed then
# differ from the first step on. One after another costs no time here, as each operator uses every core itself.
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
# Without it the system hands over, and clears, every activation's pages anew: measured, a ReLU of 17 MB takes 7.9 ms
# instead of 2.3, and a training step a sixth longer.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")

import keras
import tensorflow as tf

__all__ = ["keras", "make_repeatable", "tf"]

tf.get_logger().setLevel("ERROR")  # it warns of every further network that is asked something: folds are many


def make_repeatable(seed: int) -> None:
    """Seed every generator and choose deterministic kernels: the same command gives the same weights."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
