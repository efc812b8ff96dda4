import numpy as np
import pandas as pd

from cervix_tf.data import RandomView
from cervix_tf.exploration import plot_views, sample_sheets
from cervix_tf.exploration.plots import kinds
from cervix_tf.exploration.sample_sheets import class_mean, plot_means, plot_samples


def test_the_mean_of_a_class_alone_in_parts(monkeypatch):
    monkeypatch.setattr(sample_sheets, "_BATCH", 4)
    squares = np.random.default_rng(0).integers(0, 256, (30, 5, 5, 3), "uint8")
    rows = np.arange(30) % 3 == 1
    np.testing.assert_allclose(class_mean(squares, rows), squares[rows].mean(axis=0))


def test_samples_show_one_photograph_of_every_group_first(tmp_path, photograph):
    paths = [str(photograph(tmp_path / f"{k}.jpg", seed=k)) for k in range(6)]
    manifest = pd.DataFrame({"path": paths, "label": ["a", "a", "a", "b", "b", None]})
    manifest["group"] = ["1", "1", "2", "3", "4", "5"]
    shown = kinds(manifest, ["a", "b"])
    figure = plot_samples(manifest, shown, "6 photographs", tmp_path / "samples.png")
    assert (tmp_path / "samples.png").is_file()
    cells = np.reshape(figure.axes, (3, 3))
    assert [row[0].get_ylabel() for row in cells] == ["a\nn = 3", "b\nn = 2", "no label\nn = 1"]
    assert [sum(len(axes.get_images()) for axes in row) for row in cells] == [3, 2, 1]


def test_means_and_how_their_brightness_differs():
    squares = np.zeros((4, 8, 8, 3), "uint8")
    squares[2:] = 51
    manifest = pd.DataFrame({"label": ["dark", "dark", "light", "light"]})
    figure = plot_means(squares, kinds(manifest, ["dark", "light"]), "4 photographs")
    dark, light, darker, lighter = (axes.get_images()[0].get_array() for axes in figure.axes[:4])
    assert (dark.max(), light.min()) == (0, 51)
    np.testing.assert_allclose(darker, -10)
    np.testing.assert_allclose(lighter, 10)


def test_nine_views_are_nine_different_pictures():
    square = np.random.default_rng(0).integers(0, 256, (36, 36, 3), "uint8")
    figure = plot_views(square, RandomView(28, rotation=30.0))
    pictures = {axes.get_images()[0].get_array().tobytes() for axes in figure.axes}
    assert len(pictures) == len(figure.axes) == 9
