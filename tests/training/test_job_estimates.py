"""What a job will take: sums of planted measurements, and checks that end it before it begins."""

from types import SimpleNamespace

import numpy as np
import pytest

from cervix_tf.data import prepare, read_manifest, square_size
from cervix_tf.errors import UserError
from cervix_tf.training import estimate, job_estimates
from cervix_tf.training.estimates import worded
from tests.planted import shortcuts

SQUARE = 3 * square_size(32) ** 2


@pytest.fixture
def manifest(phantoms):
    return read_manifest(phantoms)


@pytest.fixture
def planted(monkeypatch):
    """A step takes 0.1 s, compiling 2 s, a photograph 0.5 s to decode and 0.01 s to predict."""
    turns = np.array([0.08, 0.1, 0.1, 0.1, 0.2])
    monkeypatch.setattr(job_estimates, "_timed", lambda *_: (2.0, turns))
    monkeypatch.setattr(job_estimates, "_predicted", lambda *_: (1.0, 0.01))
    monkeypatch.setattr(job_estimates, "_peak", lambda: 1e9)
    decoded = job_estimates._decoded
    each = {"each": np.full(5, 0.5)}
    monkeypatch.setattr(
        job_estimates, "_decoded", lambda *a: SimpleNamespace(**{**vars(decoded(*a)), **each})
    )


@pytest.mark.slow
def test_the_parts_of_a_job_are_added_up(planted, manifest, recipe, tmp_path):
    cache = tmp_path / "cache"
    labelled = manifest[manifest["label"].notna()].reset_index(drop=True)
    one = estimate(manifest, recipe(), tmp_path / "run", cache)
    assert (one.fits, one.steps, one.photographs, one.to_decode) == (1, 17, 36, 36)
    assert one.decoding == pytest.approx((18, 18 * 0.85, 18 * 1.15))
    # Two stages of 8 and 9 steps, each compiled; 4 + 5 validations of the 7 photographs.
    other = 2 * 2 + 1 + 9 * 7 * 0.01
    assert one.training == pytest.approx(
        [17 * step + other for step in (0.1, 0.08 * 0.85, 0.2 * 1.15)]
    )
    assert one.seconds[0] == pytest.approx(one.decoding[0] + one.training[0] + one.ending[0])
    assert one.cache == 36 * SQUARE
    assert not list(tmp_path.iterdir()), "nothing is written"

    prepare(labelled.iloc[::2], square_size(32), cache)
    prepare(labelled, square_size(32), cache)
    again = estimate(manifest, recipe(), cache=cache, fits=3, held_out=0.5)
    assert (again.fits, again.steps, again.to_decode, again.decoding[0]) == (3, 51, 0, 0)
    per_fit = 17 * 0.1 + 2 * 2 + 1 + 9 * 18 * 0.01
    assert again.training[0] == pytest.approx(3 * per_fit)
    both = one + again
    assert (both.fits, both.steps, both.to_decode, both.photographs) == (4, 68, 36, 36)
    assert both.seconds == pytest.approx(np.add(one.seconds, again.seconds))

    kept = estimate(manifest, recipe(), cache="memory")
    assert kept.memory == 1e9 + 36 * SQUARE
    assert kept.cache == 0


@pytest.mark.slow
def test_a_measured_estimate_is_a_range_in_words(manifest, recipe, tmp_path):
    with shortcuts.uncompiled():
        made = estimate(manifest, recipe(), cache=tmp_path, seconds=0.01)
    likely, least, most = made.seconds
    assert 0 < least <= likely <= most
    assert made.memory > 1e8
    text = "\n".join(made.lines())
    assert "1 fit of 36 photographs, 17 steps in all" in text
    assert f"together  {worded(made.seconds)}" in text
    assert worded((7200, 61.4, 8000)) == "2 h 0 min (1 min 1 s to 2 h 13 min)"


def test_what_a_fit_would_end_with_ends_the_estimate(manifest, recipe, finished, tmp_path):
    with pytest.raises(UserError, match="holds a run already"):
        estimate(manifest, recipe(), finished.folder)
    with pytest.raises(UserError, match="layer to train from"):
        estimate(manifest, recipe(stages=[{"train": "nonsense", "steps": 1}]))
    with pytest.raises(UserError, match="At least two classes"):
        estimate(manifest[manifest["label"] == "Type_1"], recipe())
    broken = manifest.copy()
    (tmp_path / "broken.jpg").write_bytes(b"no photograph")
    broken.loc[broken.index[3], "path"] = str(tmp_path / "broken.jpg")
    with pytest.raises(UserError, match=r"broken.jpg cannot be read"):
        estimate(broken, recipe())
