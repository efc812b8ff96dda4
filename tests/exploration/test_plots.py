import numpy as np
import pandas as pd
from matplotlib.colors import same_color

from cervix_tf.exploration.plots import GREY, kinds, plot_classes, plot_points, plot_sizes
from cervix_tf.pages.figures import class_colour


def table(classes: int, unlabelled: int = 0) -> pd.DataFrame:
    labels = [f"c{k}" for k in range(classes)] * 3 + [None] * unlabelled
    return pd.DataFrame({"label": labels, "source": "train"})


def test_classes_keep_their_colours_and_no_two_look_alike():
    shown = kinds(table(20, unlabelled=2), [f"c{k}" for k in range(20)])
    assert [kind.colour for kind in shown[:3]] == [class_colour(k) for k in range(3)]
    assert len({(kind.colour, kind.marker) for kind in shown}) == 21
    assert (shown[-1].name, shown[-1].colour, shown[-1].count) == ("no label", GREY, 2)
    assert [kind.count for kind in shown[:-1]] == [3] * 20


def test_every_class_and_the_unlabelled_are_seen(tmp_path):
    manifest = table(3, unlabelled=3)
    shown = kinds(manifest, ["c0", "c1", "c2"])
    path = tmp_path / "classes.png"
    bars = plot_classes(manifest, shown, "12 photographs", path).axes[0].patches
    assert path.is_file()
    assert [bar.get_height() for bar in bars] == [3] * 4
    colours = [kind.colour for kind in shown]
    for bar, colour in zip(bars, colours, strict=True):
        assert same_color(bar.get_facecolor(), colour)
    points = np.random.default_rng(0).normal(size=(len(manifest), 2))
    figure = plot_points(points, shown, ("one", "two"), "12 points")
    (axes,) = figure.axes
    drawn = np.concatenate([np.asarray(part.get_offsets()) for part in axes.collections])
    assert sorted(drawn[np.isfinite(drawn).all(axis=1)].tolist()) == sorted(points.tolist())
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [f"{kind.name} (n = 3)" for kind in shown]
    assert figure.get_supxlabel() == "12 points"


def test_sizes_of_each_class():
    manifest = table(2)
    sizes = pd.DataFrame({"width": [40, 80] * 3, "height": 40, "bytes": [1000, 3000] * 3})
    figure = plot_sizes(sizes, kinds(manifest, ["c0", "c1"]), "6 photographs")
    labels = ["width (pixels)", "width / height", "file size (kB)"]
    assert [axes.get_xlabel() for axes in figure.axes] == labels
    assert [text.get_text() for text in figure.axes[0].texts] == ["40 × 40: 3", "80 × 40: 3"]
    assert [set(line.get_xdata()) for line in figure.axes[2].lines] == [{1}, {3}]
