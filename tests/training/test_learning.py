import pytest

from cervix_tf.data import phantom
from cervix_tf.recipes import load_recipe
from cervix_tf.training import fit


@pytest.mark.slow
def test_cervixnet2_learns_the_phantoms(tmp_path):
    """What no linear classifier on global colours can tell apart, the report's network learns."""
    table = phantom(tmp_path / "data", per_class=150, seed=1, sizes=[(160, 213), (213, 160)])
    settings = ["image_size=96", "stages.0.steps=300", "validation=0.15", "optimizer.clip_norm=2"]
    figures = fit(
        table, load_recipe("cervixnet2", settings), run=tmp_path / "run", cache="memory"
    ).metrics
    assert figures["prior"]["log_loss"] == pytest.approx(1.0986, abs=0.01)
    assert figures["log_loss"] < 0.85
    assert figures["accuracy"] > 0.6
