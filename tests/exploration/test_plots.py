import cv2
import numpy as np
import pandas as pd

from cervix_tf.exploration.plots import GREY, kinds, plot_classes, plot_points
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
    points = np.random.default_rng(0).normal(size=(len(manifest), 2))
    plot_points(points, shown, ("one", "two"), "12 points", tmp_path / "points.png")
    plot_classes(manifest, shown, "12 photographs", tmp_path / "classes.png")
    bars = cv2.imread(str(tmp_path / "classes.png")).reshape(-1, 3)[:, ::-1]
    for kind in shown:
        colour = [int(kind.colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert (bars == colour).all(axis=1).sum() > 1000, kind.name
    legend = cv2.imread(str(tmp_path / "points.png"))
    assert len(np.unique(legend.astype(int) @ [1, 256, 65536])) > 30
