"""Which photographs a host needs of those that several train on."""

import numpy as np

from cervix_tf.data.streams import rows_shown
from cervix_tf.inference.familiarity import MOST, evenly_chosen
from cervix_tf.recipes import Recipe
from cervix_tf.training.devices import Devices
from cervix_tf.training.hosts import Hosts

FIGURES = 512  # training photographs, evenly chosen, that figures of the training side are made of


def mixes(recipe: Recipe) -> int:
    """How often each photograph of a batch is mixed with the next."""
    return sum(alpha > 0 for alpha in (recipe.mixup, recipe.cutmix))


def validation_rows(count: int, hosts: Hosts) -> np.ndarray:
    """The numbers of the validation photographs that a host predicts."""
    return np.arange(hosts.number, count, hosts.count)


def rows_here(
    splits: np.ndarray, labels: np.ndarray, recipe: Recipe, devices: Devices, steps: int
) -> np.ndarray:
    """Tell which squares a host needs.

    Those of its shares of all batches, and of its share of the validation photographs. The chief also
    needs all validation photographs, and the training photographs of a probe or of the run's figures.

    Args:
        splits: (N,) `train` or `validation`.
        labels: int32 (N,) class indices.
        recipe: Order, batches and stages.
        devices: What shares each batch.
        steps: Of all stages.

    Returns:
        Their numbers, ascending; of one host all.
    """
    hosts = devices.hosts
    positions = devices.positions(recipe.batch_size, mixes(recipe))
    if positions is None:
        return np.arange(len(splits))
    training, validation = (np.flatnonzero(splits == side) for side in ("train", "validation"))
    shown = rows_shown(
        labels[training], recipe.batch_size, recipe.seed, steps, positions,
        recipe.sampling == "balanced",
    )  # fmt: skip
    if not hosts.chief:
        return np.union1d(training[shown], validation[validation_rows(len(validation), hosts)])
    if any(stage.train == "probe" for stage in recipe.stages):
        return np.arange(len(splits))
    kept = [evenly_chosen(len(training), most) for most in (MOST, FIGURES)]
    return np.unique(np.concatenate([training[shown], training[np.concatenate(kept)], validation]))
