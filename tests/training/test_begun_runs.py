import pytest

from cervix_tf.data import read_manifest
from cervix_tf.data.manifests import validated
from cervix_tf.errors import UserError
from cervix_tf.runs.provenance import samples
from cervix_tf.training.begun_runs import check_data, check_recipe


def test_a_run_is_of_its_recipe(finished, recipe):
    check_recipe(finished, recipe(), "mend it")
    with pytest.raises(UserError, match="was run with other settings: mend it"):
        check_recipe(finished, recipe(seed=5), "mend it")


@pytest.mark.parametrize("column", ["label", "group", "split"])
def test_a_run_is_of_its_photographs(finished, phantoms, column):
    manifest = validated(read_manifest(phantoms))
    check_data(finished, finished.recipe, manifest, samples(manifest), "mend it")
    rows = manifest.index[manifest["split"] != "test"]
    values = {"label": "Type_1", "group": manifest["group"][rows[-1]], "split": "test"}
    changed = manifest.copy()
    changed.loc[rows[0], column] = values[column]
    with pytest.raises(UserError, match="with other labels, groups or split: mend it"):
        check_data(finished, finished.recipe, changed, samples(changed), "mend it")
