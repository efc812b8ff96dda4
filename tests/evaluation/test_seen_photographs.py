import shutil
import warnings
from pathlib import Path

import pandas as pd
import pytest

from cervix_tf.data import read_kaggle
from cervix_tf.data.manifests import validated
from cervix_tf.evaluation.seen_photographs import least_seen, own_paths
from cervix_tf.runs import Run
from cervix_tf.runs.provenance import samples, with_content


@pytest.fixture
def run(tmp_path, photograph):
    """A run's folder with the manifest of eight photographs, of which the last two validate."""
    paths = [photograph(tmp_path / f"own/{k}.jpg", seed=k) for k in range(8)]
    table = pd.DataFrame({
        "path": map(str, paths), "label": ["Type_1", "Type_2"] * 4, "group": list("aabbccdd"),
        "split": ["train"] * 6 + ["validation"] * 2,
    })  # fmt: skip
    run = Run(tmp_path / "run")
    run.write_table("manifest.csv", validated(table, "own"))
    return run


def test_known_by_path_or_content(run, tmp_path, photograph):
    own = run.manifest["path"]
    same = shutil.copy(own[2], tmp_path / "renamed.jpg")
    validating = shutil.copy(own[7], tmp_path / "another.jpg")
    new = photograph(tmp_path / "new.jpg", seed=50)
    table = pd.DataFrame({"path": [own[0], same, validating, str(new), own[6]]})
    assert own_paths(run, table).tolist() == [own[0], own[2], own[7], None, own[6]]
    Path(own[2]).unlink()
    assert own_paths(run, table)[1] is None, "a file that is gone cannot be compared"


def test_known_where_the_photographs_have_moved(run, tmp_path):
    """As on another machine: the run's own files are gone, what they held is noted in its manifest."""
    own = run.manifest
    run.write_table("manifest.csv", with_content(own, samples(own)))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    paths = [Path(shutil.move(path, moved / f"{k}.jpg")) for k, path in enumerate(own["path"])]
    table = validated(pd.DataFrame({"path": paths, "label": own["label"], "mask": "gone.png"}))
    assert own_paths(Run(run.folder), table).tolist() == own["path"].tolist()


def test_what_one_of_several_runs_has_seen_is_seen(run, tmp_path, photograph):
    other = Run(tmp_path / "other")
    swapped = run.manifest["split"].map({"train": "validation", "validation": "train"})
    other.write_table("manifest.csv", run.manifest.assign(split=swapped))
    with pytest.warns(UserWarning, match="trained on all 8 photographs"):
        _, name, seen = least_seen(run, run.manifest, [other])
    assert seen
    assert name.startswith("training photographs")


def test_the_least_known_are_chosen(run, tmp_path, photograph):
    new = photograph(tmp_path / "new.jpg", seed=50)
    own = run.manifest
    table = pd.concat([own, pd.DataFrame({"path": [str(new)], "label": ["Type_1"]})])
    table = validated(table, "all")
    with pytest.warns(
        UserWarning, match="2 that the run validated on and 6 that the run trained on"
    ):
        chosen, name, seen = least_seen(run, table)
    assert chosen["path"].tolist() == [str(new)]
    assert (name, seen) == ("photographs the run has not seen", False)
    with pytest.warns(UserWarning, match="Left out of the evaluation: 6 that the run trained on"):
        chosen, name, seen = least_seen(run, own)
    assert (len(chosen), name, seen) == (2, "validation", True)
    with pytest.warns(UserWarning, match="say nothing of new ones"):
        chosen, name, seen = least_seen(run, own[own["split"] == "train"])
    assert (len(chosen), seen) == (6, True)
    assert name.startswith("training photographs")


def test_other_photographs_of_a_patient(run, tmp_path, photograph):
    paths = [photograph(tmp_path / f"{k}.jpg", seed=60 + k) for k in range(3)]
    table = pd.DataFrame({"path": map(str, paths), "label": ["Type_1"] * 3, "group": list("azz")})
    with pytest.warns(UserWarning, match="1 of these 3 photographs are of groups named as groups"):
        least_seen(run, validated(table, "table"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        least_seen(run, validated(table[["path", "label"]], "table"))


def test_kaggles_stage_1_is_named(run, tmp_path, photograph):
    for k, name in enumerate(["train/Type_1/0", "train/Type_2/1", "train/Type_3/2"]):
        photograph(tmp_path / f"kaggle/{name}.jpg", seed=70 + k)
    for k in range(2):
        photograph(tmp_path / f"kaggle/test/{k}.jpg", seed=80 + k)
    rows = "image_name,Type_1,Type_2,Type_3\n0.jpg,0,1,0\n1.jpg,1,0,0\n"
    (tmp_path / "kaggle/solution_stg1_release.csv").write_text(rows)
    table = read_kaggle(tmp_path / "kaggle")
    chosen, name, _ = least_seen(run, table[table["source"] == "test"])
    assert name == "test photographs (Kaggle's stage 1, labels released later)"
    chosen, name, _ = least_seen(run, table)
    assert len(chosen) == 5
    assert "2 of them of Kaggle's stage 1" in name
