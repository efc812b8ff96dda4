import matplotlib.colors
import matplotlib.image
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
    drawn = plot(figures(classes), path)
    picture = matplotlib.image.imread(path)
    assert picture.shape[:2] == drawn.canvas.get_width_height()[::-1]
    assert "200 photographs (validation)" in drawn.axes[0].get_title()
    assert len(list(tmp_path.rglob("*.png"))) == 1
    plot(figures(classes))
    assert len(list(tmp_path.rglob("*.png"))) == 1, "nothing is written without a path"


def test_the_confusion_matrix_holds_counts_and_shares():
    metrics = figures(3)
    axes = plot_confusion(metrics).axes[0]
    counts = np.array(metrics["confusion"])
    np.testing.assert_allclose(
        axes.get_images()[0].get_array(), counts / counts.sum(axis=1, keepdims=True)
    )
    words = {text.get_position(): text.get_text().split("\n")[0] for text in axes.texts}
    assert words == {(k, row): str(counts[row, k]) for row in range(3) for k in range(3)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")


def test_reliability_stands_over_the_number_of_photographs():
    metrics = figures(3)
    upper, lower = plot_reliability(metrics).axes
    (line,) = [line for line in upper.lines if str(line.get_label()).startswith("bin")]
    bins = metrics["reliability"]
    np.testing.assert_allclose(
        line.get_xydata(), [[part["confidence"], part["accuracy"]] for part in bins]
    )
    assert [bar.get_height() for bar in lower.patches] == [part["photographs"] for part in bins]


def test_prevalence_in_the_colours_of_the_classes():
    metrics = figures(3)
    axes = plot_prevalence(metrics).axes[0]
    heights = np.reshape([bar.get_height() for bar in axes.patches], (3, 2))
    prevalence = metrics["prevalence"]
    np.testing.assert_allclose(heights.T, [prevalence["actual"], prevalence["predicted"]])
    for k, bar in enumerate(axes.patches[1::2]):
        assert matplotlib.colors.same_color(bar.get_facecolor(), class_colour(k))


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
