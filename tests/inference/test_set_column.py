import warnings

import numpy as np
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.inference import predict
from cervix_tf.runs import conformal_threshold
from tests.planted.ensembles import ensemble_of

TYPES = ["Type_1", "Type_2", "Type_3"]


@pytest.fixture(scope="module")
def ensemble(finished, tmp_path_factory):
    return ensemble_of(finished, tmp_path_factory.mktemp("ensembles") / "planted")


@pytest.fixture(scope="module")
def photographs(phantoms):
    return read_manifest(phantoms / "test", labelled=False)


@pytest.mark.parametrize("raw", [False, True])
def test_a_set_has_each_class_within_the_quantile_of_the_out_of_fold_scores(
    ensemble, photographs, raw
):
    known = ensemble.predictions
    names = [f"raw:{name}" if raw else name for name in TYPES]
    scores = np.array([1 - row[names[TYPES.index(row["label"])]] for _, row in known.iterrows()])
    threshold = conformal_threshold(scores, known["group"].to_numpy(), 0.7)
    table = predict(ensemble, photographs, sets=0.7, raw=raw)
    assert list(table.columns) == ["image", "path", *TYPES, "set"]
    assert table.drop(columns="set").equals(predict(ensemble, photographs, raw=raw))
    for _, row in table.iterrows():
        held = [name for name in TYPES if 1 - row[name] <= threshold]
        assert row["set"] == "|".join(held or [max(TYPES, key=lambda name: row[name])])


def test_too_few_patients_hold_every_class_and_this_is_said_once(finished, photographs, tmp_path):
    few = ensemble_of(finished, tmp_path / "few", groups=8)
    with pytest.warns(UserWarning, match="patients") as said:
        table = predict(few, photographs, sets=0.9)
    (one,) = [str(one.message) for one in said if "patients" in str(one.message)]
    assert "8 groups (patients), and a level of 90 % needs 9: every set holds all classes" in one
    assert set(table["set"]) == {"Type_1|Type_2|Type_3"}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*patients")
        predict(few, photographs, sets=0.8)


def test_mistakes(finished, ensemble, photographs, tmp_path):
    with pytest.raises(UserError, match="is a single run, without out-of-fold .* crossfit"):
        predict(finished, photographs, sets=0.9)
    with pytest.raises(UserError, match="one ensemble.* 2 are given"):
        predict([ensemble, ensemble_of(finished, tmp_path / "b")], photographs, sets=0.9)
    with pytest.raises(UserError, match="level of 90: .*between 0 and 1"):
        predict(ensemble, photographs, sets=90)


@pytest.mark.slow
def test_command(run, mistake, finished, ensemble, photographs, tmp_path):
    folder, test, out = ensemble.folder, photographs["path"].iloc[0], tmp_path / "sets.csv"
    assert run("predict", folder, test, "--sets", "--out", out)[0] == 0
    assert out.read_text().splitlines()[0].endswith("Type_3,set")
    code, wide, _ = run("predict", folder, test, "--level", 0.3)
    assert code == 0
    assert wide.splitlines()[1].split(",")[-1] == predict(folder, test, sets=0.3)["set"][0]
    assert "single run" in mistake("predict", finished.folder, test, "--sets")
    assert "level of 0" in mistake("predict", folder, test, "--sets", "--level", 0)


def test_sets_are_of_photographs_not_of_groups(ensemble, photographs):
    with pytest.raises(UserError, match="of photographs"):
        predict(ensemble, photographs, sets=0.9, per="group")
    with pytest.raises(UserError, match="of photographs"):
        predict(ensemble, photographs, flags=True, per="group")
