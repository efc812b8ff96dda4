import numpy as np
import pandas as pd
import pytest

from cervix_tf.recipes import load_space
from cervix_tf.training.trial_plots import plot_trials


def table(space, number, seed=0):
    """Trials at random places of a space."""
    random = np.random.default_rng(seed)
    rows = {
        key: random.uniform(kind.low, kind.high, number)
        if hasattr(kind, "low")
        else [space.choices(key)[k] for k in random.integers(len(kind), size=number)]
        for key, kind in space.space.items()
    }
    states = np.where(random.random(number) < 0.3, "pruned", "complete")
    return pd.DataFrame({"log_loss": random.uniform(0.8, 1.2, number), "state": states, **rows})


@pytest.mark.parametrize(
    "space",
    [
        "6.1",
        pytest.param("6.2", marks=pytest.mark.slow),
        pytest.param("6.3", marks=pytest.mark.slow),
        {"optimizer.learning_rate": {"low": 0.01, "high": 0.02}, "model.l2": [0, 0.1, 0.2]},
        {"model.dropout": {"low": 0, "high": 1}},
    ],
    ids=str,
)
def test_no_text_covers_another(tmp_path, space):
    space = load_space(space)
    figure = plot_trials(table(space, 60), space, tmp_path / "trials.png")
    assert (tmp_path / "trials.png").is_file()
    labels = [key for key in space.space if key != list(space.space)[0]]
    panels = [axes for axes in figure.axes if axes.get_xlabel()]
    assert len(panels) == max(1, len(labels))
    for axes in panels:
        assert axes.get_ylabel()
        ticks = [t for t in axes.get_xticklabels() + axes.get_yticklabels() if t.get_text()]
        low, high = axes.get_xlim(), axes.get_ylim()
        shown = [
            t for t in ticks
            if low[0] <= t.get_position()[0] <= low[1] or high[0] <= t.get_position()[1] <= high[1]
        ]  # fmt: skip
        boxes = [text.get_window_extent() for text in [*axes.texts, *shown]]
        for k, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:k])
    assert labels == [] or any(axes.texts for axes in panels)


def test_learning_rate_and_l2_are_on_log_axes():
    space = load_space("6.3")
    axes = plot_trials(table(space, 15), space).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("optimizer.learning_rate", "model.l2")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
