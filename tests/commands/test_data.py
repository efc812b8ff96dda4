import pandas as pd

from cervix_tf import data


def test_a_size_given_twice_is_not_drawn_twice_as_often(run, tmp_path, monkeypatch):
    given = {}

    def phantom(folder, **options):
        given.update(options)
        return pd.DataFrame({"path": [], "label": [], "split": [], "source": []})

    monkeypatch.setattr(data, "phantom", phantom, raising=False)
    run("phantom", tmp_path / "out", "--size", "96x128", "--size", "64x64", "--size", "096X128")
    assert given["sizes"] == [(96, 128), (64, 64)]
