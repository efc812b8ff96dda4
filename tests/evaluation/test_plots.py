import cv2
import numpy as np
import pytest

from cervix_tf.evaluation import plot_confusion, plot_curves, plot_predictions


@pytest.mark.parametrize("name", ["curves", "confusion", "predictions"])
def test_plots_show_something(finished, tmp_path, name):
    path = tmp_path / f"{name}.png"
    if name == "curves":
        plot_curves(finished, path)
    elif name == "confusion":
        plot_confusion(finished.metrics, path)
    else:
        chosen = finished.manifest[finished.manifest["split"] == "validation"]
        plot_predictions(finished, chosen, np.eye(3)[np.zeros(len(chosen), int)], path)
    picture = cv2.imread(str(path))
    assert min(picture.shape[:2]) > 250
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 30
