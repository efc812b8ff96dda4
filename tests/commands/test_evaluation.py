import json
import shutil

import pytest


def test_evaluate_prints_figures_intervals_and_prior(run, finished):
    code, out, _ = run("evaluate", finished.folder)
    assert code == 0
    lines = out.splitlines()
    loss, prior = finished.metrics["log_loss"], finished.metrics["prior"]["log_loss"]
    assert lines[1].split() == ["log", "loss", "accuracy"]
    assert lines[2].startswith(f"model             {loss:.4f}")
    assert lines[3].startswith(f"raw               {finished.metrics['raw']['log_loss']:.4f}")
    assert lines[4].startswith(f"class prior       {prior:.4f}")
    low, high = finished.metrics["intervals"]["log_loss"]
    assert any(f"{low:.4f} to {high:.4f}" in line for line in lines)
    for word in ("kappa", "Brier", "ROC AUC", "predicted share", "true Type_3", "1000 resamples"):
        assert word in out, word
    assert lines[-1] == f"Run folder: {finished.folder}"
    assert max(map(len, lines[:-6])) < 100, "the tables fit a terminal"


@pytest.mark.slow
def test_evaluate_other_photographs(run, finished, phantoms, tmp_path):
    out = tmp_path / "figures"
    code, printed, err = run(
        "evaluate", finished.folder, "--data", phantoms, "--json", "--out", out
    )
    assert code == 0
    assert "Left out of the evaluation: 29" in err
    assert json.loads(printed) == json.loads((out / "metrics.json").read_text())


def test_patients_devices_and_a_point(run, mistake, finished):
    words = ["--per", "group", "--by", "source", "--positive", "Type_3", "--at", "specificity=0.8"]
    code, out, err = run("evaluate", finished.folder, *words)
    assert code == 0, err
    for words in (
        "each group once", "Type_3 against the rest at specificity 0.8: ", "sensitivity  ",
        "by the groups of the other 2 parts", "source  photographs  groups", "No spread: it needs",
    ):  # fmt: skip
        assert words in out, words
    assert "needs --positive" in mistake("evaluate", finished.folder, "--at", "sensitivity=0.9")


def test_predict_per_group(run, finished, phantoms, tmp_path):
    out = tmp_path / "patients.csv"
    table = finished.manifest.head(4).assign(patient=["a", "a", "b", "a"])[["path", "patient"]]
    table.to_csv(tmp_path / "some.csv", index=False)
    code, printed, _ = run(
        "predict", finished.folder, tmp_path / "some.csv", "--per", "group", "--out", out
    )
    assert (code, printed) == (0, f"2 groups in {out}\n")
    assert out.read_text().splitlines()[0] == "group,photographs,Type_1,Type_2,Type_3"


def test_report(run, finished, tmp_path):
    copied = shutil.copytree(finished.folder, tmp_path / "copy")
    code, out, _ = run("report", copied)
    assert (code, out) == (0, f"Report: {copied / 'report.html'}\n")
    page = tmp_path / "both.html"
    code, out, _ = run("report", copied, finished.folder, "--out", page)
    assert (code, out) == (0, f"Report: {page}\n")
    assert "2 runs side by side" in page.read_text()
    code, _, err = run("report", tmp_path)
    assert code == 2
    assert "not a run" in err
