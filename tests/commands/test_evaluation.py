import json
import shutil


def test_evaluate_prints_figures_intervals_and_prior(run, finished):
    code, out, _ = run("evaluate", finished.folder)
    assert code == 0
    lines = out.splitlines()
    loss, prior = finished.metrics["log_loss"], finished.metrics["prior"]["log_loss"]
    assert lines[1].split() == ["log", "loss", "accuracy"]
    assert lines[2].startswith(f"model             {loss:.4f}")
    assert lines[3].startswith(f"class prior       {prior:.4f}")
    low, high = finished.metrics["intervals"]["log_loss"]
    assert any(f"{low:.4f} to {high:.4f}" in line for line in lines)
    for word in ("kappa", "Brier", "ROC AUC", "predicted share", "true Type_3", "1000 resamples"):
        assert word in out, word
    assert lines[-1] == f"Run folder: {finished.folder}"
    assert max(map(len, lines[:-6])) < 100, "the tables fit a terminal"


def test_evaluate_other_photographs(run, finished, phantoms, tmp_path):
    out = tmp_path / "figures"
    code, printed, err = run(
        "evaluate", finished.folder, "--data", phantoms, "--json", "--out", out
    )
    assert code == 0
    assert "Left out of the evaluation: 29" in err
    assert json.loads(printed) == json.loads((out / "metrics.json").read_text())


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
