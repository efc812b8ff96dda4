import cv2
import numpy as np
import pytest

from cervix_tf.data import prepare
from cervix_tf.evaluation import plot_mistakes, plot_predictions
from cervix_tf.inference import Predictions


@pytest.fixture
def predicted(finished):
    """Maker of predictions of the validation photographs, from probabilities made up."""
    own = finished.manifest[finished.manifest["split"] == "validation"].reset_index(drop=True)
    squares = prepare(own, finished.square_size, cache="memory").array

    def make(probabilities, **columns):
        return Predictions((finished,), own.assign(**columns), squares, np.asarray(probabilities))

    make.targets = np.array([finished.class_names.index(label) for label in own["label"]])
    return make


def pictures(figure):
    return [np.asarray(image.get_array()) for image in figure.axes[0].images]


def over_pictures(figure):
    """The texts that stand on the upper edge of a picture."""
    return [text for text in figure.axes[0].texts if text.get_va() == "bottom"]


def titles(figure):
    return [text.get_text() for text in over_pictures(figure)]


def colours(figure):
    return {text.get_color() for text in over_pictures(figure)}


def test_predictions_with_and_without_labels(predicted, tmp_path):
    share, path = np.eye(3)[np.zeros(len(predicted.targets), int)], tmp_path / "predictions.png"
    figure = plot_predictions(predicted(share), path)
    assert len(titles(figure)) == len(share)
    assert colours(figure) == {"black", "#B00020"}
    assert (cv2.imread(str(path)) == (0x20, 0x00, 0xB0)).all(axis=2).any(), "red where it is wrong"
    assert len(titles(plot_predictions(predicted(share)[:1]))) == 1
    bare = plot_predictions(predicted(share, label=None), most=3)
    assert len(titles(bare)) == 3
    assert colours(bare) == {"black"}, "without a label nothing is wrong"


def test_the_surest_mistakes_are_shown(predicted, tmp_path):
    targets = predicted.targets
    share = np.full((len(targets), 3), 0.1)
    sure = np.linspace(0.5, 0.9, len(targets))
    for row, k in enumerate(targets):
        share[row, k if row == 0 else (k + 1) % 3] = sure[row]
    predictions, path = predicted(share), tmp_path / "mistakes.png"
    figure = plot_mistakes(predictions, path, most=3)
    assert path.is_file()
    assert [title.split("\n")[0] for title in titles(figure)] == [
        name[-20:] for name in predictions.photographs["image"].tolist()[:-4:-1]
    ], "the surest first"
    np.testing.assert_array_equal(pictures(figure), predictions.images[:-4:-1])


def test_without_a_mistake_there_is_no_sheet(predicted, tmp_path):
    assert plot_mistakes(predicted(np.eye(3)[predicted.targets]), tmp_path / "no.png") is None
    assert not list(tmp_path.iterdir())
