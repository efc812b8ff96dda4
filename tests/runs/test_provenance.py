from pathlib import Path

from cervix_tf.data import read_manifest
from cervix_tf.runs import environment, fingerprint


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
