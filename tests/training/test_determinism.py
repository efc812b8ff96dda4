import subprocess
import sys

import pytest
import tensorflow as tf

from cervix_tf.training.determinism import repeatable

PROGRAM = """
import sys, hashlib, numpy as np
from cervix_tf.data import read_manifest
from cervix_tf.recipes import load_recipe
from cervix_tf.training import fit, loop, trainer
trainer._evaluated = lambda *_: None
loop.probabilities = trainer.probabilities = lambda _, squares: np.full((len(squares), 3), 1 / 3)
recipe = load_recipe("inception", [
    "model.weights=none", "image_size=96", "batch_size=16", "validation=0.2", "keep=last",
    "optimizer={name: adam, learning_rate: 0.001}",
    "stages=[{train: all, steps: 2}]"])
run = fit(read_manifest(sys.argv[1]), recipe, run=sys.argv[2], cache=sys.argv[3])
whole = b"".join(np.asarray(v).tobytes() for v in run.model.weights)
print(hashlib.sha256(whole).hexdigest())
"""


@pytest.mark.slow
def test_a_large_network_ends_with_the_same_weights_in_every_process(phantoms, tmp_path):
    # At once, so that they disturb each other, as training beside other work does.
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, phantoms, tmp_path / f"run{k}", tmp_path / "cache"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for k in range(2)
    ]
    ended = [process.communicate()[0].split()[-1:] for process in processes]
    assert len(ended[0]) == 1
    assert ended[0] == ended[1]


def test_the_options_set_before_are_restored():
    tf.config.optimizer.set_experimental_options({"remapping": False})
    before = tf.config.optimizer.get_experimental_options()
    with repeatable():
        assert tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"]
    after = tf.config.optimizer.get_experimental_options()
    assert not after.get("disable_meta_optimizer")
    assert after["remapping"] == before["remapping"] is False
    tf.config.optimizer.set_experimental_options({"remapping": True})
