"""Every figure of a classifier as a function of weighted photographs, for many weightings at once.

To draw groups with replacement is to weigh each photograph by how often its group was drawn, so the
whole bootstrap is a few matrix products.
"""

import numpy as np

from cervix_tf.evaluation.kaggle_score import checked, row_losses

BINS = 10  # of the confidence, of equal width, for the calibration error


def measures(labels, probabilities, weights=None) -> dict[str, np.ndarray]:
    """Compute the figures of predictions under one weighting of the photographs or many.

    Args:
        labels: (N,) class indices.
        probabilities: (N, C), not negative; rows are rescaled to sum 1.
        weights: (R, N), not negative, R weightings; by default one in which each counts once.

    Returns:
        Arrays whose first axis is R; NaN where a figure is not defined (a class that is absent, or for
        its precision never predicted):

        - `log_loss` as Kaggle scores it; `accuracy`; `balanced_accuracy`, the mean recall of the classes
          among the labels; `kappa`, Cohen's, unweighted; `quadratic_kappa`, Cohen's with the squared
          distance of the classes in their order as weight (Cohen 1968);
        - `brier`: mean over photographs of the squared differences summed over the classes, 0 to 2;
        - `ece`, the expected calibration error of the top label (Guo et al. 2017): mean difference
          between confidence and accuracy over 10 bins of equal width, weighted by their photographs;
        - `precision`, `recall`, `f1`, `roc_auc` (ties count half), `average_precision` (the mean of the
          precision over the recall, no interpolation): one class against the rest, (R, C);
        - `actual`, `predicted`: share of each class, and its mean probability (Table 3 of the report):
          (R, C);
        - `confusion`: (R, C, C), true classes in the rows;
        - `bin_weight`, `bin_confidence`, `bin_accuracy`: (R, 10), of the top label.

    Raises:
        UserError: As `log_loss`.

    Example:
        >>> measures([0, 1], [[0.8, 0.2], [0.4, 0.6]])["accuracy"]
        array([1.])
    """
    targets, p = checked(labels, probabilities)
    count, classes = p.shape
    weights = np.ones((1, count)) if weights is None else np.asarray(weights, "float64")
    one_hot = np.eye(classes)[targets]
    sums = terms(targets, p)
    # One product for everything that is a sum over photographs.
    product = weights @ np.hstack(list(sums.values()))
    edges = np.cumsum([part.shape[1] for part in sums.values()])[:-1]
    of = dict(zip(sums, np.split(product, edges, axis=1), strict=True))
    total = weights.sum(axis=1, keepdims=True)
    confusion = of["pairs"].reshape(-1, classes, classes)
    actual, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    accuracy = hits.sum(axis=1) / total[:, 0]
    chance = (actual * predicted).sum(axis=1) / total[:, 0] ** 2
    place = np.arange(classes)
    far = (place[:, None] - place) ** 2
    ranked = [_ranking(one_hot[:, k], p[:, k], weights) for k in range(classes)]
    auc, average_precision = (np.stack(each, axis=1) for each in zip(*ranked, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = hits / actual
        gap = np.abs(of["bin_right"] - of["bin_confidence"])
        return {
            "log_loss": of["loss"][:, 0] / total[:, 0],
            "accuracy": accuracy,
            "balanced_accuracy": recall[:, np.unique(targets)].mean(axis=1),
            "kappa": (accuracy - chance) / (1 - chance),
            "quadratic_kappa": 1
            - (confusion * far).sum(axis=(1, 2))
            * total[:, 0]
            / ((actual @ far) * predicted).sum(axis=1),
            "brier": of["brier"][:, 0] / total[:, 0],
            "ece": gap.sum(axis=1) / total[:, 0],
            "precision": hits / predicted,
            "recall": recall,
            "f1": 2 * hits / (actual + predicted),
            "roc_auc": auc,
            "average_precision": average_precision,
            "actual": actual / total,
            "predicted": of["probability"] / total,
            "confusion": confusion,
            "bin_weight": of["bins"],
            "bin_confidence": of["bin_confidence"] / of["bins"],
            "bin_accuracy": of["bin_right"] / of["bins"],
        }


def terms(targets: np.ndarray, p: np.ndarray) -> dict[str, np.ndarray]:
    """Compute what each photograph adds to the sums of which all figures but those of ranks are made.

    Args:
        targets: (N,) class indices, as `checked` returns them.
        p: (N, C) probabilities, as `checked` returns them.

    Returns:
        (N, k) arrays: `loss`, `brier`; `pairs`, true by predicted class (k = C * C); `probability`;
        and by bin of confidence `bins` (1 in the photograph's own), `bin_confidence`, `bin_right`.

    Example:
        >>> terms(np.array([0]), np.array([[0.8, 0.2]]))["pairs"]
        array([[1., 0., 0., 0.]])
    """
    classes = p.shape[1]
    guess, confidence = p.argmax(axis=1), p.max(axis=1)
    right = (guess == targets).astype("float64")
    in_bin = np.eye(BINS)[np.minimum((confidence * BINS).astype(int), BINS - 1)]
    return {
        "loss": row_losses(targets, p)[:, None],
        "brier": ((p - np.eye(classes)[targets]) ** 2).sum(axis=1)[:, None],
        "pairs": np.eye(classes**2)[targets * classes + guess],
        "probability": p,
        "bins": in_bin,
        "bin_confidence": in_bin * confidence[:, None],
        "bin_right": in_bin * right[:, None],
    }


def _ranking(
    positive: np.ndarray, score: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """ROC AUC, as Mann and Whitney's U, and average precision of one class, (R,) each, weighted."""
    order = np.argsort(score, kind="stable")[::-1]
    starts = np.flatnonzero(np.diff(score[order], prepend=np.inf))  # equal scores are one step
    ordered = weights[:, order]
    hits = np.add.reduceat(ordered * positive[order], starts, axis=1)
    false = np.add.reduceat(ordered * (1 - positive[order]), starts, axis=1)
    found, wrong = np.cumsum(hits, axis=1), np.cumsum(false, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        auc = 1 - (hits * (wrong - false / 2)).sum(axis=1) / (found[:, -1] * wrong[:, -1])
        steps = np.where(hits > 0, hits * found / (found + wrong), 0)
        return auc, steps.sum(axis=1) / found[:, -1]
