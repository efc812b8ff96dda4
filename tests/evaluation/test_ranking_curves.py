import matplotlib.image
import numpy as np
import pytest

from cervix_tf.evaluation import metrics_of, plot_precision_recall, plot_roc
from cervix_tf.evaluation.operating_points import operating_figures
from tests.planted.predicted import CLASSES, predicted


@pytest.fixture(scope="module")
def judged():
    predictions = predicted()
    return predictions, metrics_of(predictions, "out of fold")


@pytest.mark.parametrize("plot", [plot_roc, plot_precision_recall])
def test_a_curve_a_class_written_where_asked(judged, plot, tmp_path):
    drawn = plot(*judged, tmp_path / "plots/curve.png")
    assert matplotlib.image.imread(tmp_path / "plots/curve.png").std() > 0
    assert "(out of fold)" in drawn.axes[0].get_title()
    words = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert [line.split(":")[0] for line in words] == CLASSES
    plot(*judged)
    assert len(list(tmp_path.rglob("*.png"))) == 1


def test_the_area_under_a_curve_is_the_figure_in_the_legend(judged):
    predictions, metrics = judged
    curves = [
        line for line in plot_roc(predictions, metrics).axes[0].lines if line.get_linewidth() > 1
    ]
    for k, line in enumerate(curves):
        area = np.trapezoid(line.get_ydata(), line.get_xdata())
        assert area == pytest.approx(metrics["roc_auc"][k])
        assert f"AUC {area:.3f} (" in line.get_label()
    steps = [
        line for line in plot_precision_recall(predictions, metrics).axes[0].lines
        if line.get_linewidth() > 1
    ]  # fmt: skip
    for k, line in enumerate(steps):
        recall, precision = line.get_xdata(), line.get_ydata()
        area = -(np.diff(recall) * precision[:-1]).sum()
        assert area == pytest.approx(metrics["average_precision"][k])
        assert f"AP {area:.3f} (" in line.get_label()


def test_the_operating_point_and_the_curve_of_several_classes(judged):
    predictions, metrics = judged
    point = operating_figures(predictions, "out of fold", CLASSES[1:], "specificity=0.8")
    shown = {**metrics, "operating_point": point}
    for plot, place in (
        (plot_roc, [1 - point["specificity"], point["sensitivity"]]),
        (plot_precision_recall, [point["sensitivity"], point["ppv"]]),
    ):
        axes = plot(predictions, shown).axes[0]
        (mark,) = [line for line in axes.lines if line.get_marker() == "D"]
        np.testing.assert_allclose(mark.get_xydata(), [place])
        labels = [str(line.get_label()) for line in axes.lines]
        assert any(label.startswith("Type_2 or Type_3: A") for label in labels)


def test_a_class_that_is_absent_has_no_curve():
    predictions = predicted()
    two = predictions[predictions.targets < 2]
    words = plot_roc(two, metrics_of(two, "out of fold")).legends[0].get_texts()
    assert [text.get_text()[:6] for text in words] == CLASSES[:2]
