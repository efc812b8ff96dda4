import cv2
import numpy as np

from cervix_tf.evaluation import plot_mistakes, plot_predictions, prediction_sheets


def chosen_of(finished):
    return finished.manifest[finished.manifest["split"] == "validation"].reset_index(drop=True)


def shape(path):
    return cv2.imread(str(path)).shape[:2]


def test_predictions_with_and_without_labels(finished, tmp_path):
    chosen, path = chosen_of(finished), tmp_path / "predictions.png"
    share = np.eye(3)[np.zeros(len(chosen), int)]
    plot_predictions(finished, chosen.iloc[:1], share[:1], path)
    one = shape(path)
    plot_predictions(finished, chosen, share, path)
    assert shape(path)[0] > 1.5 * one[0]
    assert shape(path)[1] > 2.5 * one[1]
    plot_predictions(finished, chosen.assign(label=None), share, path)
    red = (cv2.imread(str(path)) == (0x20, 0x00, 0xB0)).all(axis=2).sum()
    assert red == 0, "without a label nothing is wrong"


def test_the_surest_mistakes_are_shown(finished, tmp_path, monkeypatch):
    chosen, shown = chosen_of(finished), []
    true = [finished.class_names.index(label) for label in chosen["label"]]
    share = np.full((len(chosen), 3), 0.1)
    sure = np.linspace(0.5, 0.9, len(chosen))
    for row, k in enumerate(true):
        share[row, k if row == 0 else (k + 1) % 3] = sure[row]
    real = prediction_sheets.prepare

    def prepared(photographs, *rest, **options):
        shown.extend(photographs["path"])
        return real(photographs, *rest, **options)

    monkeypatch.setattr(prediction_sheets, "prepare", prepared)
    path = tmp_path / "mistakes.png"
    assert plot_mistakes(finished, chosen, share, path, most=3) == len(chosen) - 1
    assert shown == chosen["path"].tolist()[:-4:-1], "the surest first"
    assert path.is_file()
    assert plot_mistakes(finished, chosen, np.eye(3)[true], path) == 0
    assert not path.exists(), "no mistakes of an earlier evaluation are left"
