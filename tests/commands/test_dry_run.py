"""--dry-run of each verb: what is estimated, what is printed, and that nothing is written."""

import pytest

import cervix_tf.training
from cervix_tf.training.estimates import Estimate

SETTINGS = ("--set", "image_size=32", "--set", "batch_size=8")
MADE = Estimate(
    1, 10, 36, 4, (1.0, 1.0, 2.0), (60.0, 50.0, 70.0), (15.0, 14.0, 16.0), 1e9, 8e9, 1e6, 2e7, 1e10
)


@pytest.fixture
def asked(monkeypatch):
    """What estimates are asked for."""
    found = []

    def estimate(manifest, recipe, run=None, cache=None, **given):
        found.append((recipe.model.name, given))
        return MADE

    monkeypatch.setattr(cervix_tf.training, "estimate", estimate)
    monkeypatch.setattr("cervix_tf.reproduction.experiments.estimate", estimate)
    return found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("fit", "--run", "run"), {"devices": None}),
        (
            ("crossfit", "--out", "out", "--folds", "3", "--repeats", "2"),
            {"fits": 6, "held_out": 1 / 3, "devices": None},
        ),
        (("search", "--space", "model.l2=[0, 0.1, 1]", "--study", "study"), {"fits": 3}),
    ],
)
def test_fits_are_counted_and_nothing_is_written(
    run, asked, phantoms, tmp_path, monkeypatch, words, expected
):
    monkeypatch.chdir(tmp_path)
    given = ("--model", "cervixnet1", "--data", phantoms, *SETTINGS)
    code, out, err = run(*words, *given, "--dry-run")
    assert code == 0, err
    assert asked == [("cervixnet1", expected)]
    assert "together  1 min 16 s (1 min 5 s to 1 min 28 s)\n" in out
    assert "disk      0.00 GB of squares, 0.02 GB of runs, 10.0 GB free\n" in out
    assert "Nothing was written: the same command without --dry-run begins." in out
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_experiments_of_a_reproduction_are_summed(run, asked, phantoms, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = ("--only", "table3", "--only", "table5", "--weights", "none")
    code, out, err = run("reproduce", "--data", phantoms, *parts, *SETTINGS, "--dry-run")
    assert code == 0, err
    networks = [name for name, _ in asked]
    assert {"resnet", "cervixnet1"} <= set(networks)
    # One size, so decoded once.
    assert f"{len(asked)} fits of 36 photographs, {10 * len(asked)} steps in all\n" in out
    assert "decoding  1 s (1 s to 2 s), 4 photographs\n" in out
    assert not list(tmp_path.iterdir())


def test_a_fit_that_is_resumed_has_no_dry_run(mistake, tmp_path):
    assert "leave out --dry-run" in mistake("fit", "--resume", tmp_path, "--dry-run")
