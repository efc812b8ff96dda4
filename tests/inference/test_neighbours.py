import shutil

import numpy as np
import pytest

from cervix_tf.data.flags import with_flag
from cervix_tf.errors import UserError
from cervix_tf.inference import nearest_of_each_class
from cervix_tf.runs import Run, load


@pytest.fixture
def planted(finished, tmp_path, monkeypatch):
    """A copy of a run with features on a quarter circle in the order of `manifest`; and an audit."""
    run = load(shutil.copytree(finished.folder, tmp_path / "run"))
    trained = run.manifest[run.manifest["split"] == "train"]
    new = run.validation.iloc[:2]

    def at(numbers):
        turned = np.asarray(numbers) / len(trained) * np.pi / 2
        return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype("float32")

    np.savez(run.path("references.npz"), references=at(range(len(trained))), held_out=np.ones(9))
    # The first doubted photograph has the features of the first of the training, the second of the last.
    monkeypatch.setattr(
        "cervix_tf.inference.neighbours.unit_features",
        lambda model, squares: at([0, len(trained) - 1])[: len(squares)],
    )
    audited = run.manifest.assign(flags=None, label_quality=np.nan)
    audited = with_flag(audited, audited["path"].isin(new["path"]), "label error")
    audited.loc[new.index, "label_quality"] = [0.2, 0.1]
    return run, audited, trained, new


def nearest(run, audited, photograph, **options) -> dict[str, str]:
    table = nearest_of_each_class(run, audited, cache="memory", **options)
    rows = table[table["path"] == photograph]
    return dict(zip(rows["label"], rows["nearest"], strict=True))


def test_the_nearest_of_each_class_of_what_trained(planted):
    run, audited, trained, new = planted
    first, last = (trained.groupby("label")["path"].agg(end).to_dict() for end in ("first", "last"))
    assert nearest(run, audited, new["path"].iloc[0]) == first
    assert nearest([run.folder], audited, new["path"].iloc[1]) == last
    table = nearest_of_each_class(run, audited, cache="memory")
    assert table["distance"].min() == pytest.approx(0, abs=1e-3)
    assert nearest(run, audited, new["path"].iloc[0], most=1) == {}, "the second is doubted more"


def test_none_of_its_group_none_doubted_none_with_another_label_by_now(planted):
    run, audited, trained, new = planted
    own = trained[trained["label"] == "Type_2"]
    grouped, wrong, relabelled, kept = own.index[:4]
    audited.loc[grouped, "group"] = audited.loc[new.index[0], "group"]
    audited = with_flag(audited, audited.index == wrong, "label error")
    audited.loc[relabelled, "label"] = "Type_3"
    audited.loc[wrong, "label_quality"] = 0.9  # flagged, yet not among those to be shown
    found = nearest(run, audited, new["path"].iloc[0], most=2)
    assert found["Type_2"] == audited.loc[kept, "path"]
    audited = audited.drop(index=own.index)
    assert set(nearest(run, audited, new["path"].iloc[0])) == {"Type_1", "Type_3"}


def test_an_ensemble_asks_the_member_that_it_is_new_to(planted):
    run, audited, _, new = planted

    class KnowsAll(Run):
        manifest = run.manifest.assign(split="train")

    class Both(Run):
        members = (KnowsAll(run.folder), run)

    found = nearest_of_each_class(Both(run.folder), audited, cache="memory")
    assert set(found["path"]) == set(new["path"])
    assert found.equals(nearest_of_each_class(run, audited, cache="memory"))


def test_nothing_doubted_and_no_references(planted):
    run, audited, _, _ = planted
    assert nearest_of_each_class(run, audited.assign(flags=None)).empty
    run.anew("references.npz").unlink()
    with pytest.raises(UserError, match="references.npz does not exist: an older version"):
        nearest_of_each_class(run, audited, cache="memory")
