import cv2
import matplotlib.colors
import numpy as np
import pytest

from cervix_tf.evaluation import measures, plot_confusion, plot_prevalence, plot_reliability
from cervix_tf.pages.figures import CLASS_COLOURS, class_colour


def figures(classes):
    """What the plots need of the figures of a network that knows so many classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, 200)
    share = rng.dirichlet(np.ones(classes), 200)
    found = {name: values[0] for name, values in measures(labels, share).items()}
    bins = zip(found["bin_weight"], found["bin_confidence"], found["bin_accuracy"], strict=True)
    interval = [[0.1, 0.3]] * (classes - 1) + [None]
    return {
        "data": "photographs", "split": "validation", "photographs": 200, "ece": found["ece"],
        "classes": [f"a class called {k}" for k in range(classes)],
        "confusion": found["confusion"].tolist(),
        "prevalence": {k: found[k].tolist() for k in ("actual", "predicted")},
        "intervals": {
            "ece": [0.1, 0.2], "confusion": [interval] * classes,
            "prevalence": dict(actual=interval, predicted=interval),
        },
        "reliability": [
            {"from": k / 10, "to": (k + 1) / 10, "photographs": int(n), "confidence": c,
             "accuracy": a, "interval": [0.2, 0.9] if k % 2 else None}
            for k, (n, c, a) in enumerate(bins) if n
        ],
    }  # fmt: skip


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("plot", [plot_confusion, plot_prevalence, plot_reliability])
def test_plots_show_something(tmp_path, plot, classes):
    path = tmp_path / "plots/plot.png"
    plot(figures(classes), path)
    picture = cv2.imread(str(path))
    assert min(picture.shape[:2]) > 250
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 30


def test_classes_keep_their_colours(tmp_path):
    plot_prevalence(figures(3), tmp_path / "plot.png")
    pixels = cv2.imread(str(tmp_path / "plot.png"))[:, :, ::-1].reshape(-1, 3)
    for k in range(3):
        colour = (255 * np.array(matplotlib.colors.to_rgb(class_colour(k)))).round()
        assert (pixels == colour).all(axis=1).sum() > 1000, k


def test_colours_are_told_apart_with_any_colour_vision():
    """Under full loss of one kind of cone (Viénot 1999), the first three differ plainly."""
    linear = np.array([matplotlib.colors.to_rgb(c) for c in CLASS_COLOURS[:3]]) ** 2.2
    to_cones = np.array([[17.88, 43.52, 4.12], [3.456, 27.155, 3.867], [0.03, 0.184, 1.467]])
    red = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    green = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    for missing in (np.eye(3), red, green):
        seen = (linear @ (np.linalg.inv(to_cones) @ missing @ to_cones).T).clip(0, 1) ** (1 / 2.2)
        gaps = [np.linalg.norm(seen[a] - seen[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
        assert min(gaps) > 0.25, gaps
