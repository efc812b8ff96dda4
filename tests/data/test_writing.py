from pathlib import Path

import pandas as pd

from cervix_tf.data import read_manifest, write_manifest


def test_what_is_written_is_read_again_wherever_it_lies(phantoms, tmp_path, monkeypatch):
    monkeypatch.chdir(phantoms.parent)
    manifest = read_manifest(phantoms.relative_to(phantoms.parent))  # its masks are relative paths
    write_manifest(manifest, tmp_path / "below/manifest.csv")
    monkeypatch.chdir(tmp_path)
    again = read_manifest("below/manifest.csv")
    same = [c for c in manifest if c not in ("mask", "tz_mask")]
    pd.testing.assert_frame_equal(again[same].fillna(""), manifest[same].fillna(""))
    for path in again["mask"].dropna():
        assert Path(path).read_bytes()[:4] == b"\x89PNG"


def test_audited_columns_stay_text(audited, tmp_path):
    audited["cluster"] = ["7"] * 5 + [None] * 5
    audited["sha256"] = [f"{k:064d}" for k in range(10)]
    write_manifest(audited, tmp_path / "manifest.csv")
    again = read_manifest(tmp_path / "manifest.csv", labelled=False)
    assert again["cluster"].dropna().tolist() == ["7"] * 5
    assert again["sha256"].tolist() == audited["sha256"].tolist()
    assert again["flags"].isna().sum() == 1
