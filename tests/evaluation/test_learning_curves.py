import cv2
import matplotlib.colors
import numpy as np
import pytest

from cervix_tf.errors import UserError
from cervix_tf.evaluation import plot_curves
from cervix_tf.evaluation.learning_curves import PANELS, RUN_COLOURS, VALIDATION, annealings
from cervix_tf.runs import Run


@pytest.fixture
def run(tmp_path, recipe):
    """Maker of a run of which only recipe, history and figures are there."""

    def make(name, stages=((1, "head", 20), (2, "all", 60)), every=15):
        changes = {"optimizer": {"name": "adam", "anneal": {"factor": 0.5, "every": every}}}
        changes["stages"] = [{"train": train, "steps": steps} for _, train, steps in stages]
        run, step, rows = Run(tmp_path / name), 0, []
        run.folder.mkdir()
        for stage, train, steps in stages:
            for _ in range(steps // 5):
                step += 5
                rows.append({"step": step, "stage": stage, "train": train, "learning_rate": 1,
                             "train_loss": 1 / step, "train_accuracy": 0.5, "validation_loss": 0.7,
                             "validation_accuracy": 0.4})  # fmt: skip
        run.write_inputs(recipe(**changes), run_manifest(), {})
        run.write_history(rows)
        prior = {"log_loss": 1.1, "accuracy": 0.33}
        whole = {"model": "", "data": "", "split": "", "photographs": 4, "groups": 4, "classes": []}
        run.write_json("metrics.json", {**whole, **prior, "prior": prior})
        return run

    return make


def run_manifest():
    import pandas as pd

    return pd.DataFrame({"path": ["a.jpg"]})


def coloured(path, colour):
    pixels = cv2.imread(str(path))[:, :, ::-1].astype(int)
    wanted = (255 * np.array(matplotlib.colors.to_rgb(colour))).round()
    return (np.abs(pixels - wanted) < 3).all(axis=2).sum()


def test_annealing_counts_from_the_start_of_each_stage(run):
    assert annealings(run("a")) == [15, 35, 50, 65]
    assert annealings(run("b", every=500)) == []


def test_one_run(run, finished, tmp_path):
    for each in (run("a"), finished.folder, run("one", stages=((1, "all", 100),))):
        figure = plot_curves(each, tmp_path / "curves.png")
        assert coloured(tmp_path / "curves.png", VALIDATION) > 300
        assert [axes.get_ylabel() for axes in figure.axes] == list(PANELS.values())


def test_validation_is_drawn_as_the_history_has_it(run):
    figure = plot_curves(run("a"))
    for axes, value in zip(figure.axes, (0.7, 0.4), strict=True):
        (line,) = [line for line in axes.lines if line.get_color() == VALIDATION]
        assert line.get_xdata().tolist() == list(range(5, 85, 5))
        assert set(line.get_ydata()) == {value}
    assert [text.get_text() for text in figure.axes[0].texts] == ["head", "all"]


def test_every_run_has_its_colour(run, tmp_path):
    runs = [run(f"run {k}", every=10 + k) for k in range(3)]
    plot_curves(runs, tmp_path / "curves.png")
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert min(picture.shape[:2]) > 600
    assert coloured(tmp_path / "curves.png", RUN_COLOURS[2]) > 300, "drawn last, over the others"
    plot_curves(runs[:1], tmp_path / "curves.png")
    assert coloured(tmp_path / "curves.png", RUN_COLOURS[2]) == 0


def test_no_history_yet(run, tmp_path):
    begun = run("a")
    begun.path("history.csv").unlink()
    with pytest.raises(UserError, match="training has not ended"):
        plot_curves(begun.folder, tmp_path / "curves.png")
