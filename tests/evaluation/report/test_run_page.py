import re
import shutil

import cv2
import numpy as np
import pytest

from cervix_tf.errors import UserError
from cervix_tf.evaluation import evaluate
from cervix_tf.evaluation.report import report
from cervix_tf.evaluation.report.comparison import differences
from cervix_tf.inference.patients import group_table
from cervix_tf.runs import load


@pytest.fixture
def copy(finished, tmp_path):
    """Maker of a copy of the finished run, which a test may change."""
    return lambda name: load(shutil.copytree(finished.folder, tmp_path / name))


def test_one_file_with_figures_and_pictures(copy):
    run = copy("run")
    page = report(run.folder).read_text()
    assert f"{run.metrics['log_loss']:.4f}" in page
    assert "class prior" in page
    plots = len(list(run.path("plots").glob("*.png")))
    assert plots >= 5
    assert page.count("data:image/png;base64,") == plots
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page), "it needs no other file"
    assert "phantom" in page
    assert "cervixnet1 from random weights" in page
    assert "head to step 8, then all to step 17" in page
    for word in ("ROC AUC", "Brier score", "calibration error", "seed", "bootstrap over"):
        assert word in page, word


@pytest.mark.slow
def test_saliency_and_test_figures_are_shown_where_they_are(copy, photograph, tmp_path):
    run = copy("run")
    without = report(run).read_text()
    assert "<h3>Test</h3>" not in without
    cv2.imwrite(str(run.path("plots/saliency.png")), np.zeros((20, 20, 3), "uint8"))
    import pandas as pd

    paths = [str(photograph(tmp_path / f"{k}.jpg", seed=k)) for k in range(3)]
    table = pd.DataFrame({"path": paths, "label": ["Type_1", "Type_2", "Type_3"]})
    asked = dict(by="source", positive=["Type_3"], operating_point="sensitivity=0.5")
    evaluate(run, table, out=run.path("test"), **asked)
    page = report(run).read_text()
    assert "<h4>Type_3 against the rest at sensitivity 0.5: 1 positive, 2 negative</h4>" in page
    assert "<h4>By source</h4>" in page
    assert "score of the true class" in page
    assert "<h3>Test</h3>" in page
    assert "3 photographs (3 groups): photographs the run has not seen" in page
    assert "these figures are no test" not in page


def test_names_are_escaped(copy):
    run = copy("run & <b>")
    page = report(run).read_text()
    assert "run &amp; &lt;b&gt;" in page
    assert "<b>run & " not in page


def test_runs_side_by_side(copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = report([copy("first"), copy("second").folder])
    assert path.name == "comparison.html"
    page = path.read_text()
    assert "2 runs side by side" in page
    assert "cannot be compared" not in page
    assert page.count("training loss</td>") == 1
    assert 'href="#run2"' in page
    assert 'id="run2"' in page


def test_figures_of_groups_are_not_compared_with_those_of_photographs(copy):
    one, other = copy("first"), copy("second")
    one.write_table("test/predictions.csv", one.predictions)
    other.write_table("test/predictions.csv", other.predictions)
    assert differences([one, other]) == []
    other.write_table("test/predictions.csv", group_table(other.predictions).drop(columns="image"))
    assert "test figures cannot be compared" in differences([one, other])[0]


def test_runs_on_other_photographs_cannot_be_compared(copy, tmp_path):
    one, other = copy("first"), copy("second")
    other.write_table("predictions.csv", other.predictions.iloc[1:])
    page = report([one, other], tmp_path / "page.html").read_text()
    assert "different photographs (7, 6; 6 are common to all)" in page


def test_an_unfinished_run_is_not_marked_as_complete(copy, tmp_path):
    run = copy("run")
    run.path("report.html").unlink()
    run.path("plots/curves.png").unlink()  # killed before the last plot
    with pytest.raises(UserError, match="curves.png does not exist.*--resume"):
        report(run)
    assert not run.complete


def test_a_finished_run_may_lack_a_plot_but_not_its_intervals(copy):
    run = copy("run")
    run.path("plots/curves.png").unlink()
    assert "Confusion matrix" in report(run).read_text()
    figures = {k: v for k, v in run.metrics.items() if k != "intervals"}
    run.write_json("metrics.json", figures)
    with pytest.raises(UserError, match="an older version"):
        report(run.folder)


def test_mistakes(copy, tmp_path):
    run = copy("run")
    with pytest.raises(UserError, match="is a folder"):
        report(run, tmp_path)
    with pytest.raises(UserError, match="given twice"):
        report([run, run.folder])
    with pytest.raises(UserError, match="at least one"):
        report([])
