import os
import warnings
from pathlib import Path

import pandas as pd
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.data.manifests import validated
from cervix_tf.errors import UserError
from cervix_tf.runs import environment, fingerprint
from cervix_tf.runs.provenance import (
    check_photographs,
    check_recorded,
    samples,
    warn_of_copies,
    with_content,
)


def test_environment_names_what_figures_depend_on(phantoms):
    found = environment(read_manifest(phantoms), seed=4)
    assert found["seed"] == 4
    assert found["packages"]["tensorflow"].startswith("2.")
    assert found["devices"]
    assert len(found["data_fingerprint"]) == 32


def test_fingerprint_follows_content_and_labels_not_order(phantoms, tmp_path):
    table = read_manifest(phantoms)
    before = fingerprint(table)
    assert fingerprint(table.iloc[::-1]) == before
    assert fingerprint(table.assign(label="Type_1")) != before
    changed = tmp_path / table["image"][0]
    changed.write_bytes(Path(table["path"][0]).read_bytes() + b"more")
    table.loc[0, "path"] = str(changed)
    assert fingerprint(table) != before


@pytest.mark.parametrize("size", [1, 30_000, 196_608, 196_609, 3_000_000])
def test_photographs_replaced_by_others_of_the_same_size_and_time(tmp_path, size):
    photograph = tmp_path / "a.jpg"
    photograph.write_bytes(bytes(size))
    before = photograph.stat()
    table = validated(pd.DataFrame({"path": [str(photograph)], "label": ["a"]}), "one")
    stored, older = fingerprint(table), fingerprint(table, content=False)
    check_photographs(table, stored, Path("runs/a"))
    check_photographs(table, older, Path("runs/a"))
    for place in {0, size // 2, size - 1}:
        content = bytearray(size)
        content[place] = 1
        photograph.write_bytes(content)
        os.utime(photograph, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(UserError, match="photographs have changed since runs/a began"):
            check_photographs(table, stored, Path("runs/a"))
    photograph.unlink()
    with pytest.raises(UserError, match="a.jpg is gone"):
        check_photographs(table, stored, Path("runs/a"))


def test_what_a_run_was_made_of_is_told_from_other_photographs(tmp_path):
    for name in ("a.jpg", "b.jpg", "mask.png"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    table = pd.DataFrame({
        "path": [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")],
        "mask": [None, str(tmp_path / "mask.png")],
    })  # fmt: skip
    noted = with_content(table, samples(table))
    check_recorded(noted, tmp_path)
    assert noted["content"].nunique() == 2
    (tmp_path / "a.jpg").rename(tmp_path / "moved.jpg")
    check_recorded(noted, tmp_path)  # that one is gone is told where it is read
    moved = noted.assign(path=[str(tmp_path / "moved.jpg"), table["path"][1]])
    check_recorded(moved, tmp_path)
    (tmp_path / "mask.png").write_bytes(b"another")
    with pytest.raises(UserError, match=r"b\.jpg is not the photograph that .* was made of"):
        check_recorded(moved, tmp_path)
    with pytest.raises(UserError, match="does not tell its photographs"):
        check_recorded(table, tmp_path)


def test_all_that_cannot_be_read_are_named(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.jpg").write_bytes(b"a")
    (tmp_path / "c.jpg").mkdir()  # which root cannot read either
    table = pd.DataFrame({"path": [str(tmp_path / f"{name}.jpg") for name in "acbe"]})
    said = r"2 of 4 .* cannot be read: c.jpg \(is a directory\); e.jpg \(no such file .*\). Replace"
    with pytest.raises(UserError, match=said):
        samples(table)


def test_copies_on_both_sides_are_warned_of(phantoms, tmp_path):
    table = read_manifest(phantoms)
    table = table[table["label"].notna()].head(6).reset_index(drop=True)
    table["split"] = ["train"] * 4 + ["validation"] * 2
    table["fold"] = [1, 1, 2, 2, 3, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_copies(table, samples(table))
        warn_of_copies(table, samples(table), "fold")
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(Path(table["path"][0]).read_bytes())
    for row, said in ((4, "2 photographs have copies in training and validation"), (1, None)):
        copied = table.copy()
        copied.loc[row, "path"] = str(copy)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warn_of_copies(copied, samples(copied))
        assert [str(w.message)[: len(said or "")] for w in caught] == ([said] if said else [])
    copied.loc[1, "fold"] = 2
    with pytest.warns(UserWarning, match="2 photographs have copies in several folds, such as"):
        warn_of_copies(copied, samples(copied), "fold")
