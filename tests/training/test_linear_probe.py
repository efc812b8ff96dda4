"""The linear probe against scikit-learn on the same features, and on labels that say nothing."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from cervix_tf.inference import probabilities
from cervix_tf.inference.penultimate_features import penultimate
from cervix_tf.models import build
from cervix_tf.training.linear_probe import STRENGTHS, fit_head, logistic, out_of_fold


@pytest.fixture(scope="module")
def model():
    return build("cervixnet2", image_size=32, widths=(4, 4))


@pytest.fixture(scope="module")
def photographs():
    """Squares of 30 patients, two each, a class being a tint; labels; groups."""
    draw = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 2)
    labels = groups % 3
    tints = 90 + 60 * np.eye(3)[labels][:, None, None] + draw.normal(0, 12, (60, 36, 36, 3))
    return np.clip(tints, 0, 255).astype("uint8"), labels, groups


def test_the_logits_are_a_logistic_regression_on_standardised_features(model, photographs):
    squares, labels, groups = photographs
    features = penultimate(model, squares)[0]
    before = [v.numpy() for v in model.weights]
    fitted = fit_head(model, squares, labels, groups)
    np.testing.assert_allclose(probabilities(model, squares), fitted, atol=1e-4)
    moved = {
        v.path for v, old in zip(model.weights, before, strict=True) if (v != old).numpy().any()
    }
    assert moved == {"logits/kernel", "logits/bias"}
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0))[:, spread > 1e-8] / spread[spread > 1e-8]
    ours = [
        LogisticRegression(C=c, max_iter=1000).fit(scaled, labels).predict_proba(scaled)
        for c in STRENGTHS
    ]
    assert min(np.abs(p - fitted).max() for p in ours) < 1e-3
    assert (fitted.argmax(axis=1) == labels).mean() > 0.9


def test_the_penalty_is_strong_where_labels_say_nothing_and_weak_where_they_do():
    draw = np.random.default_rng(0)
    features, groups = draw.normal(size=(90, 20)), np.arange(90)
    labels = groups % 3
    noise, _ = logistic(features, labels, groups, False, 0)
    told, _ = logistic(features + 4 * np.eye(20)[labels], labels, groups, False, 0)
    assert np.abs(noise).max() < 0.02
    assert np.abs(told).max() > 0.1


def test_photographs_of_a_patient_do_not_choose_the_penalty(photographs):
    """Features that name the patient and nothing else look good until groups are kept whole."""
    _, labels, groups = photographs
    labels = np.random.default_rng(1).permutation(30)[groups] % 3
    named = np.eye(30)[groups]
    whole, _ = logistic(named, labels, groups, False, 0)
    apart, _ = logistic(named, labels, np.arange(60), False, 0)
    assert np.abs(whole).max() < 0.1 * np.abs(apart).max()


@pytest.mark.slow
def test_a_fold_is_predicted_by_others_alone(model, photographs):
    squares, labels, groups = photographs
    folds = groups % 2
    honest = out_of_fold(model, squares, labels, groups, folds)
    turned = np.where(folds == 1, (labels + 1) % 3, labels)
    other = out_of_fold(model, squares, turned, groups, folds)
    np.testing.assert_allclose(other[folds == 1], honest[folds == 1])
    assert np.abs(other[folds != 1] - honest[folds != 1]).max() > 0.01
    np.testing.assert_allclose(honest.sum(axis=1), 1)
