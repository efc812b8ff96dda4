"""One of two hosts that train together, as TF_CONFIG names them."""

import os
import signal
import sys

import numpy as np

from cervix_tf import cli
from cervix_tf.training.loop import Loop


def main(folder, data):
    """Begin a fit; at the validation of step 8 write the weights, and kill the second host."""

    def watched(self, validated=Loop._validated):
        if self.state.step == 8:
            hosts = self.devices.hosts
            state = [v.numpy() for v in self.model.variables]
            np.savez(folder / f"host{hosts.number}.npz", *state)
            if not hosts.chief:
                os.kill(os.getpid(), signal.SIGKILL)
        return validated(self)

    Loop._validated = watched
    cache = folder / f"cache{os.getpid()}"
    words = ["--recipe", folder / "recipe.yaml", "--data", data, "--run", folder / "run"]
    sys.argv = ["cervix-tf", "fit", *map(str, [*words, "--cache", cache])]
    cli.main()
