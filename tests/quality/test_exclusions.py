from pathlib import Path

import pytest

from cervix_tf.errors import UserError
from cervix_tf.quality import apply_decisions, changes, drop_flagged, write_decisions


def left(manifest) -> list[int]:
    return [int(Path(name).stem) for name in manifest["image"]]


def test_flagged_photographs_are_left_out_and_listed(audited):
    done = drop_flagged(audited, ["dark", "zero bytes"])
    assert left(done) == [0, 1, 2, 3, 4, 5, 7, 9]
    assert done.index.tolist() == list(range(8))
    assert changes(done)["why"].tolist() == ["flag zero bytes", "flag dark"]
    assert changes(done)["flags"].tolist() == ["zero bytes", "blurred; dark"]
    both = changes(drop_flagged(done, ["blurred"]))
    assert both["image"].tolist() == ["6.jpg", "8.jpg", "7.jpg"], "earlier changes are remembered"
    assert all(Path(p).is_file() for p in audited["path"])


def test_of_duplicates_one_stays_a_test_photograph_first(audited):
    assert left(drop_flagged(audited, ["exact duplicate"])) == [0, 2, 3, 4, 5, 6, 7, 8, 9]
    assert left(drop_flagged(audited, ["near-duplicate"])) == [0, 2, 5, 6, 7, 8, 9]
    # The label conflict drops both of cluster c2, whatever the order of the flags.
    for flags in (["near-duplicate", "label conflict"], ["label conflict", "near-duplicate"]):
        assert left(drop_flagged(audited, flags)) == [0, 5, 6, 7, 8, 9]
    # A duplicate whose first copy another flag drops is not a duplicate any more.
    audited.loc[0, "flags"] += "; dark"
    assert left(drop_flagged(audited, ["exact duplicate", "dark"])) == [1, 2, 3, 4, 5, 6, 7, 9]


def test_what_was_decided_to_keep_stays(audited, tmp_path):
    write_decisions(audited, path := tmp_path / "audit.csv")
    lines = path.read_text().splitlines()
    for row in (1, 7):
        lines[row + 1] = lines[row + 1].removesuffix(",,") + ",keep,"
    path.write_text("\n".join(lines) + "\n")
    kept = apply_decisions(audited, path)
    assert left(drop_flagged(kept, ["blurred"])) == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    assert left(drop_flagged(kept, ["exact duplicate"])) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_faults(audited):
    with pytest.raises(UserError, match="'blured': did you mean 'blurred'"):
        drop_flagged(audited, ["blured"])
    with pytest.raises(UserError, match="no column 'flags': run `cervix-tf audit`"):
        drop_flagged(audited.drop(columns="flags"), ["blurred"])
    with pytest.raises(UserError, match="no column 'cluster'"):
        drop_flagged(audited.drop(columns="cluster"), ["near-duplicate"])
    own = audited.assign(flags=audited["flags"].replace("blurred", "instrument"))
    assert 7 not in left(drop_flagged(own, ["instrument"])), "words of the manifest's own count"
    assert left(drop_flagged(audited, ["green"])) == list(range(10))
    assert changes(audited).empty
