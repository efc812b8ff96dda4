import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from cervix_tf.errors import UserError
from cervix_tf.exploration import embedding
from cervix_tf.exploration.embedding import neighbour_metrics, principal_components, tsne


def pixels(count: int, side: int = 6, seed: int = 0) -> np.ndarray:
    """Squares that differ in brightness, in a gradient, and in noise."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(-1, 1, side)[:, None, None] * np.ones((side, side, 3))
    flat = (
        128 + 40 * rng.normal(size=(count, 1, 1, 1)) + 20 * rng.normal(size=(count, 1, 1, 1)) * ramp
    )
    return np.clip(flat + rng.normal(scale=4, size=(count, side, side, 3)), 0, 255).astype("uint8")


def aligned(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One set of components with the signs of another: a component's sign means nothing."""
    return one * np.sign((one * other).sum(axis=0))


@pytest.mark.parametrize("whole", [300, 299])
def test_as_scikit_learns_pca_whole_and_in_batches(monkeypatch, whole):
    monkeypatch.setattr(embedding, "WHOLE", whole)
    monkeypatch.setattr(embedding, "BATCH", 64)
    rows = pixels(300)
    scores, explained = principal_components(rows, 2)
    whole = PCA(2, svd_solver="full").fit(rows.reshape(300, -1) / 255)
    expected = whole.transform(rows.reshape(300, -1) / 255)
    np.testing.assert_allclose(explained, whole.explained_variance_ratio_, rtol=1e-3)
    np.testing.assert_allclose(aligned(scores, expected), expected, atol=0.02 * expected.std())


def test_rows_that_do_not_fit_are_projected_on_those_that_do():
    rows = pixels(40)
    fitted = np.arange(40) < 30
    alone, _ = principal_components(rows[:30], 3)
    scores, _ = principal_components(rows, 3, fitted)
    np.testing.assert_allclose(scores[:30], alone, atol=1e-4)
    assert scores.shape == (40, 3)


def test_too_few_or_all_alike_is_the_users_mistake():
    with pytest.raises(UserError, match="5 photographs of 108 values have 1 to 4"):
        principal_components(pixels(5), 5)
    with pytest.raises(UserError, match="all alike"):
        principal_components(np.full((6, 4, 4, 3), 9, "uint8"), 2)


@pytest.mark.parametrize("count", [4, 12, 60])
def test_tsne_repeats_and_keeps_neighbours_of_small_sets_too(count):
    points = np.repeat(np.eye(4)[:2] * 50, count // 2, axis=0)
    points = points + np.random.default_rng(0).normal(size=points.shape)
    plane = tsne(points, seed=1)
    assert np.isfinite(plane).all()
    np.testing.assert_array_equal(plane, tsne(points, seed=1))
    if count > 4:
        near = np.linalg.norm(plane[:, None] - plane[None], axis=-1)
        np.fill_diagonal(near, np.inf)
        half = np.arange(count) < count // 2
        assert (half[near.argmin(axis=1)] == half).mean() > 0.9


def test_a_neighbour_of_the_own_group_does_not_count():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), 3)
    points = np.repeat(rng.normal(size=(60, 4)), 3, axis=0) + 1e-3 * rng.normal(size=(180, 4))
    labels = np.repeat(rng.integers(0, 3, 60), 3)  # nothing to do with where the points lie
    found = neighbour_metrics(points, labels, patients)
    assert found["accuracy"] < 0.55
    assert found["interval"][0] < found["prior"] < found["interval"][1] + 0.1
    assert found["accuracy_ignoring_groups"] == 1
    assert found["same_group"] == 1
    assert (found["photographs"], found["groups"], found["folds"]) == (180, 60, 5)


def test_classes_apart_are_told_apart():
    labels = np.repeat(["a", "b", "c"], [30, 20, 10])
    points = np.eye(3)[np.unique(labels, return_inverse=True)[1]]
    points = points + np.random.default_rng(0).normal(scale=0.05, size=points.shape)
    found = neighbour_metrics(points, labels, np.arange(60))
    assert found["accuracy"] == found["balanced_accuracy"] == 1
    assert found["interval"] == [1, 1]
    assert (found["prior"], found["chance"]) == (0.5, pytest.approx(1 / 3))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), min_size=4, max_size=20))
@settings(max_examples=40, deadline=None)
def test_a_figure_or_none_whatever_the_groups(rows):
    labels = np.array([label for label, _ in rows])
    groups = np.array([f"{label}{patient}" for label, patient in rows])
    points = np.random.default_rng(0).normal(size=(len(rows), 3))
    found = neighbour_metrics(points, labels, groups)
    possible = all(len(set(groups[labels == name])) >= 2 for name in "ab")
    assert (found is not None) == possible
    if found:
        low, high = found["interval"]
        assert 0 <= low <= found["accuracy"] <= high <= 1
