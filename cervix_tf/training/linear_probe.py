"""The linear probe: logistic regression on what a frozen network sees, as the network's head."""

import keras
import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from cervix_tf.data.group_folds import group_folds
from cervix_tf.data.square_rows import SquareArray
from cervix_tf.evaluation import log_loss
from cervix_tf.inference.penultimate_features import penultimate

STRENGTHS = tuple(10.0 ** np.arange(-4, 2))  # scikit-learn's C: larger is a weaker penalty
FOLDS = 5


def fit_head(
    model: keras.Model,
    squares: SquareArray,
    labels: np.ndarray,
    groups: np.ndarray,
    balanced: bool = False,
    views: int = 1,
    seed: int = 0,
) -> np.ndarray:
    """Set a model's logits to a logistic regression on the features that it gives them.

    The features are standardised; the penalty on the squared coefficients is the one of six with the
    least log loss in five folds that keep groups whole.

    Args:
        model: A built model; of its variables those of the layer `logits` change.
        squares: uint8 (N, P, P, 3), the training photographs.
        labels: (N,) class indices.
        groups: (N,) the group (patient) of each.
        balanced: Whether to weigh the classes by the inverse of their shares.
        views: Views of each photograph, 1 to 8, all of which train.
        seed: Draws the folds.

    Returns:
        (N, classes), what the regression makes of its own training photographs.

    Example:
        >>> fit_head(build("cervixnet2", image_size=32), squares, labels, groups).shape
    """
    features = penultimate(model, squares, views)
    rows = features.reshape(-1, features.shape[-1])
    kernel, bias = logistic(rows, np.tile(labels, views), np.tile(groups, views), balanced, seed)
    model.get_layer("logits").set_weights([kernel, bias])
    return softmax(features[0] @ kernel + bias, axis=1)


def out_of_fold(
    model: keras.Model,
    squares: SquareArray,
    labels: np.ndarray,
    groups: np.ndarray,
    folds: np.ndarray,
    balanced: bool = False,
    seed: int = 0,
) -> np.ndarray:
    """Predict each fold by a linear probe that was fitted on the others.

    Args:
        model: As `fit_head` takes it; it is not changed.
        squares: As `fit_head` takes them.
        labels: As `fit_head` takes them.
        groups: As `fit_head` takes them.
        folds: (N,) the fold of each photograph; a group lies in one.
        balanced: As `fit_head` takes it.
        seed: As `fit_head` takes it.

    Returns:
        (N, classes) probabilities.

    Example:
        >>> out_of_fold(model, squares, labels, groups, folds)
    """
    features = penultimate(model, squares)[0]
    scores = np.empty((len(features), model.output_shape[-1]))
    for fold in np.unique(folds):
        out = folds == fold
        kernel, bias = logistic(features[~out], labels[~out], groups[~out], balanced, seed)
        scores[out] = features[out] @ kernel + bias
    return softmax(scores, axis=1)


def logistic(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, balanced: bool, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the regression: a kernel (features, classes) and a bias (classes,) for the plain features."""
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-8 * np.abs(mean).max(), spread, np.inf)  # a constant says nothing
    scaled = (features - mean) / spread
    weight = "balanced" if balanced else None

    def fitted(strength: float, rows) -> LogisticRegression:
        regression = LogisticRegression(C=strength, class_weight=weight, max_iter=1000)
        return regression.fit(scaled[rows], labels[rows])

    number = min(FOLDS, min(len(set(groups[labels == k])) for k in set(labels.tolist())))
    strength = STRENGTHS[0]
    if number > 1:
        every = np.arange(len(labels))
        outs = group_folds(labels, groups, number, seed)
        parts = [(np.delete(every, out), out) for out in outs]
        parts = [p for p in parts if len(set(labels[p[0]])) == len(set(labels)) and len(p[1])]

        def loss(strength: float) -> float:
            losses = [
                len(out) * log_loss(labels[out], fitted(strength, rows).predict_proba(scaled[out]))
                for rows, out in parts
            ]
            return sum(losses)

        with threadpool_limits(1):  # the matrices are small: more threads wait for each other
            strength = min(STRENGTHS, key=loss)
    with threadpool_limits(1):
        regression = fitted(strength, slice(None))
    kernel, bias = regression.coef_.T, regression.intercept_
    if kernel.shape[1] == 1:  # of two classes scikit-learn gives one score
        kernel, bias = np.hstack([-kernel, kernel]) / 2, np.r_[-bias, bias] / 2
    kernel = kernel / spread[:, None]
    return kernel, bias - mean @ kernel
