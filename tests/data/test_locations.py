import os
from pathlib import Path

import pandas as pd
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.data.manifests import validated
from cervix_tf.errors import UserError


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("~/x.jpg", "home folder"),
        ("~me/x.jpg", "home folder"),
        ("file:///tmp/x.jpg", "not addresses"),
        ("https://some.where/x.jpg", "not addresses"),
        (r"photographs\x.jpg", "not a backslash"),
        (r"C:\photographs\x.jpg", "not a backslash"),
    ],
)
def test_a_path_that_leads_nowhere_is_hinted_at(tmp_path, photograph, path, hint):
    photograph(tmp_path / "a.jpg")
    (tmp_path / "list.csv").write_text(f"path,label\na.jpg,x\n{path},y\nz.jpg,y\n")
    for read in (
        lambda: read_manifest(tmp_path / "list.csv"),
        lambda: validated(pd.DataFrame({"path": [path, "z.jpg"]})),
    ):
        with pytest.raises(UserError, match=rf"2 photographs do not exist: .*z\.jpg\. .*{hint}"):
            read()


def test_a_usual_path_that_leads_nowhere_has_no_hint(tmp_path):
    with pytest.raises(UserError, match=r"1 photographs do not exist: \S+/a:b/x~\.jpg\.$"):
        validated(pd.DataFrame({"path": [str(tmp_path / "a:b/x~.jpg")]}))


def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path, photograph, monkeypatch):
    """The tests may run as root, who may look into every folder."""
    shut, stat = tmp_path / "shut", os.stat

    def denied(path, *args, **options):
        if str(path).startswith(f"{shut}/"):
            raise PermissionError
        return stat(path, *args, **options)

    names = ["a.jpg", "shut/b.jpg", "shut/more/c.jpg"]
    paths = [str(photograph(tmp_path / name)) for name in names]
    monkeypatch.setattr(os, "stat", denied)
    with pytest.raises(
        UserError, match=r"2 .* \(permission denied\): they lie in \S+/shut\. Permit"
    ):
        validated(pd.DataFrame({"path": paths}))


def test_paths_from_python(tmp_path, photograph):
    odd = "é.jpg"
    paths = [str(photograph(tmp_path / name)) for name in ("a.jpg", "b.jpg", odd)]
    given = [paths[0], Path(paths[1]), os.fsencode(paths[2])]
    assert validated(pd.DataFrame({"path": given}))["path"].tolist() == paths
    for one in (7, 7.5, ["a.jpg"], True):
        given = pd.DataFrame({"path": pd.Series([paths[0], one], dtype="object")})
        with pytest.raises(UserError, match=r"^the manifest, row 1, column 'path': .* is no path"):
            validated(given)
