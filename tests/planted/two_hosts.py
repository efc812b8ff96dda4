"""One of two hosts that train together, as TF_CONFIG names them.

It trains a small network and writes its weights; then it begins a fit, in which the second host is
killed at its second validation.
"""

import os
import signal
import sys

import numpy as np

from cervix_tf import cli
from cervix_tf.data import SquareRows
from cervix_tf.runs import Run
from cervix_tf.training.devices import devices_of
from cervix_tf.training.loop import LabelledSquares, Loop
from cervix_tf.training.shares import rows_here
from tests.planted.two_devices import LABELS, MIXED, SQUARES, network, recipe_of


def trained(folder, hosts=None):
    """All that 20 steps change; a host has the squares that it needs and no other."""
    team = devices_of(hosts)
    recipe = recipe_of(**MIXED, jit=False, keep="last", checkpoint_every=5, validate_every=10)
    splits = np.where(np.arange(24) < 18, "train", "validation")
    here = rows_here(splits, LABELS, recipe, team, 20)
    squares = SquareRows.of_part(SQUARES[here], here, 24)
    sides = (
        LabelledSquares(SquareRows(squares, splits == side), LABELS[splits == side], LABELS)
        for side in ("train", "validation")
    )
    model = network()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").touch()
    loop = Loop(model, recipe, Run(folder), *sides, devices=team)
    loop.train(lambda *shown: None)
    losses = [row["validation_loss"] for row in loop.state.history if "validation_loss" in row]
    return [*(v.numpy() for v in model.variables), np.array(losses)], team.hosts


def main(folder, data):
    state, hosts = trained(folder / "loop", "hosts")
    np.savez(folder / f"host{hosts.number}.npz", *state)

    def killed(self, validated=Loop._validated):
        if self.state.step == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return validated(self)

    if not hosts.chief:
        Loop._validated = killed
    words = ["--recipe", folder / "recipe.yaml", "--data", data, "--run", folder / "run"]
    sys.argv = [
        "cervix-tf",
        "fit",
        *map(str, words),
        "--cache",
        str(folder / f"cache{hosts.number}"),
    ]
    cli.main()
