import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import folds
from cervix_tf.errors import UserError
from cervix_tf.quality import flag_label_errors, label_errors
from cervix_tf.quality.label_quality import not_judged

CLASSES = ["Type_1", "Type_2", "Type_3"]
WRONG = tuple(range(7, 180, 14))


def photographs(count: int = 180) -> pd.DataFrame:
    """Photographs of three classes in turn, of which thirteen have been given the next one's label."""
    true = np.arange(count) % 3
    label = true.copy()
    label[list(WRONG)] = (label[list(WRONG)] + 1) % 3
    table = pd.DataFrame({"image": [f"{k}.jpg" for k in range(count)]})
    table["path"] = "/photographs/" + table["image"]
    table["label"] = [CLASSES[k] for k in label]
    table["group"], table["source"], table["split"] = table["image"], "train", None
    return table.assign(true=true)


@pytest.fixture
def runs(tmp_path):
    """The runs of three folds, whose network gives the true class 0.8 or more."""
    pytest.importorskip("cleanlab")
    random = np.random.default_rng(0)
    made = []
    for number, manifest in enumerate(folds(photographs(), 3), 1):
        folder = tmp_path / f"fold{number}"
        folder.mkdir()
        (folder / "recipe.yaml").write_text("")
        manifest.to_csv(folder / "manifest.csv", index=False)
        chosen = manifest[manifest["split"] == "validation"]
        share = random.dirichlet([1, 1, 1], len(chosen)) * 0.2
        share[np.arange(len(chosen)), chosen["true"]] += 0.8
        table = chosen[["image", "path", "label", "group"]].copy()
        table[CLASSES] = share
        table.to_csv(folder / "predictions.csv", index=False)
        made.append(folder)
    return made


def test_wrong_labels_come_first_and_are_named(runs):
    table = label_errors(runs)
    assert len(table) == 180
    assert table["label_quality"].is_monotonic_increasing
    planted = {f"{k}.jpg" for k in WRONG}
    assert set(table["image"][: len(WRONG)]) == planted
    named = set(table["image"][table["label_error"]])
    assert named <= planted
    assert len(named) >= 11, "cleanlab rounds the number of each pair of classes down"
    true = photographs().set_index("image")["true"]
    assert [CLASSES[true[name]] for name in table["image"]] == table["guess"].tolist()
    assert table["run"].nunique() == 3


def test_one_run_speaks_of_its_validation_photographs_only(runs):
    own = pd.read_csv(runs[0] / "predictions.csv")
    assert set(label_errors(runs[0])["path"]) == set(own["path"])


def test_why_others_are_not_judged(runs):
    errors = label_errors(runs[:2])
    given = photographs().drop(columns="true")
    third = ~given["path"].isin(errors["path"])
    outside = "not among the photographs that a run predicted without training on them"
    assert not_judged(given, errors) == {outside: int(third.sum())}
    one, two = np.flatnonzero(~third)[:2]
    given.loc[one, "label"] = "Type_4"
    given.loc[two, "label"] = "Type_1" if given.loc[two, "label"] != "Type_1" else "Type_2"
    assert not_judged(given, errors) == {
        "of a class that is not of the run's (Type_1, Type_2, Type_3)": 1,
        "labelled otherwise since the run": 1,
        outside: int(third.sum()),
    }
    judged = flag_label_errors(given, errors)["label_quality"].notna().sum()
    assert judged == len(given) - sum(not_judged(given, errors).values())


def test_classes_of_few_photographs_are_named(runs):
    """Cleanlab speaks of their numbers."""
    paths = [runs[0] / name for name in ("predictions.csv", "manifest.csv")]
    for path in paths:
        table = pd.read_csv(path)
        rare = table["label"].isin(["Type_2", "Type_3"])
        validated = table["split"] == "validation" if "split" in table else rare | True
        table[~(rare & validated) | (rare & validated).cumsum().le(1)].to_csv(path, index=False)
    with pytest.warns(UserWarning, match="fold1: too few .* label error in: Type_2, Type_3"):
        label_errors(runs[:1])


def test_a_finished_run(finished):
    pytest.importorskip("cleanlab")
    table = label_errors(finished)
    assert len(table) == len(finished.predictions)
    assert table["label_quality"].between(0, 1).all()


def test_flags_and_quality_go_into_the_manifest(runs):
    errors = label_errors(runs[:2])
    before = photographs().assign(flags="blurred")
    done = flag_label_errors(before, errors)
    spoken = before["path"].isin(errors["path"])
    for column in ("guess", "guess_probability", "label_quality"):
        assert done[column].notna().equals(spoken), column
    assert (done["guess_probability"][spoken] >= 0.8).all()
    planted = errors["path"][errors["label_error"]]
    flags = done.set_index("path")["flags"]
    assert set(flags.index[flags == "blurred; label error"]) == set(planted)
    mended = before.assign(label=[CLASSES[k] for k in before["true"]])
    assert set(flag_label_errors(mended, errors)["flags"]) == {"blurred"}, "corrected since the run"


def test_faults(runs, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="fold1 is given twice"):
        label_errors([runs[0], runs[0]])
    copied = shutil.copytree(runs[0], tmp_path / "copied")
    with pytest.raises(UserError, match="predicted by .*fold1 and by .*copied: give runs"):
        label_errors([runs[0], copied])
    manifest = pd.read_csv(runs[1] / "manifest.csv")
    manifest.assign(split="train").to_csv(runs[1] / "manifest.csv", index=False)
    with pytest.raises(UserError, match="fold2.predictions.csv: .* was trained on by this run"):
        label_errors(runs[:2])
    table = pd.read_csv(runs[2] / "predictions.csv").rename(columns={"Type_3": "Type_4"})
    table.to_csv(runs[2] / "predictions.csv", index=False)
    with pytest.raises(UserError, match="Type_4.*give runs of the same classes"):
        label_errors([runs[0], runs[2]])
    with pytest.raises(UserError, match="at least one run"):
        label_errors([])
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(UserError, match=r'pip install "cervix-tf\[audit\]"'):
        label_errors(runs[0])
