"""A member of an ensemble that is another run, or gone, is told before anything is predicted."""

import shutil

import pytest

import cervix_tf as cx
from cervix_tf.errors import UserError
from cervix_tf.runs import load
from tests.planted.ensembles import ensemble_of


@pytest.fixture
def ensemble(finished, tmp_path):
    return ensemble_of(finished, tmp_path / "ensemble")


def test_as_it_was_written_and_moved(ensemble, phantoms, tmp_path):
    moved = shutil.move(ensemble.folder, tmp_path / "elsewhere")
    assert len(load(moved).members) == 2
    assert len(cx.predict(moved, phantoms / "test")) == 5


@pytest.mark.parametrize("other", ["another member", "a run", "other folds", "another network"])
def test_another_run_in_the_place_of_a_member(
    finished, ensemble, mistake, phantoms, tmp_path, other
):
    place = ensemble.folder / "runs/1-2"
    if other in ("another member", "a run"):
        shutil.rmtree(place)
        shutil.copytree(
            finished.folder if other == "a run" else ensemble.folder / "runs/1-1", place
        )
    elif other == "other folds":  # the same recipe and seed, of other photographs
        shutil.rmtree(place)
        foreign = ensemble_of(finished, tmp_path / "foreign", groups=11)
        shutil.copytree(foreign.folder / "runs/1-2", place)
    else:
        (place / "files.json").unlink()
        recipe = place / "recipe.yaml"
        recipe.write_text(recipe.read_text().replace("dense: 16", "dense: 17"))
    said = mistake("predict", ensemble.folder, phantoms / "test")
    assert "runs/1-2 is another run than this crossfit trained" in said


def test_a_member_that_is_gone(ensemble, mistake, phantoms):
    shutil.rmtree(ensemble.folder / "runs/1-2")
    said = mistake("predict", ensemble.folder, phantoms / "test")
    assert "1-2 is gone: repeat the same cervix-tf crossfit" in said


def test_another_member_in_a_card(finished, ensemble, tmp_path):
    ensemble.write_json("metrics.json", finished.metrics)
    folder = cx.card(ensemble.folder, tmp_path / "card").parent
    assert len(load(folder).members) == 2
    shutil.rmtree(folder / "runs/1-2")
    shutil.copytree(folder / "runs/1-1", folder / "runs/1-2")
    with pytest.raises(UserError, match="runs/1-2 is another run"):
        load(folder)


@pytest.mark.parametrize("plan", [{"folds": 10**9}, {"folds": 10**300}, {"repeats": 10**9}])
def test_more_folds_than_anybody_trains(ensemble, plan):
    ensemble.write_json("crossfit.json", {"folds": 2, "repeats": 1, **plan})
    with pytest.raises(UserError, match="crossfit.json is damaged .its folds and repeats are"):
        load(ensemble.folder)


@pytest.mark.parametrize("given", [None, 5, {}, b"run", object()])
def test_what_is_no_run(given, phantoms):
    for runs in (given, [given]):
        with pytest.raises(UserError, match="is no run: give the folder"):
            cx.predict(runs, phantoms / "test")
    with pytest.raises(UserError, match="is no"):
        cx.predict(given, phantoms / "test", engine="onnx")
    with pytest.raises(UserError, match="is no run"):
        cx.evaluate(given)
