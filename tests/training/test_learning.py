import pytest

from cervix_tf.data import phantom
from cervix_tf.recipes import load_recipe
from cervix_tf.training import fit


@pytest.mark.slow
def test_cervixnet2_learns_the_phantoms(tmp_path):
    """What no linear classifier on global colours can tell apart, the report's network learns."""
    table = phantom(tmp_path / "data", per_class=150, seed=1, sizes=[(160, 213), (213, 160)])
    recipe = load_recipe(
        {
            "model": {"name": "cervixnet2", "dropout": 0.2, "head_l2": 0.0},
            "image_size": 80,
            "batch_size": 16,
            "optimizer": {"name": "adam", "learning_rate": 0.001},
            "augment": {"rotation": 0.0, "scale": [1.0, 1.0], "crop": 0.0},
            "stages": [{"train": "all", "steps": 800}],
            "validation": 0.15,
        }
    )
    figures = fit(table, recipe, run=tmp_path / "run", cache="memory").metrics
    assert figures["prior"]["log_loss"] == pytest.approx(1.0986, abs=0.01)
    assert figures["log_loss"] < 0.75
    assert figures["accuracy"] > 0.6
