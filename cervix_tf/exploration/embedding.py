"""Photographs as points: principal components, t-SNE, and what a nearest neighbour is worth."""

import numpy as np
from sklearn.decomposition import IncrementalPCA
from sklearn.manifold import TSNE
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from threadpoolctl import threadpool_limits

from cervix_tf.errors import UserError

WHOLE = 1024  # rows decomposed in one piece: 50 MB of 64 x 64 pixels in float32
BATCH = 256  # rows at a time where there are more; small batches cost less in all
PERPLEXITY = 30.0
_SPARE = 16  # components carried along from batch to batch, so that the first ones stay exact
_DRAWS = 2000
_FEW = 2000  # points up to which several threads wait for one another longer than they work


def principal_components(
    rows: np.ndarray, components: int = 4, fitted: np.ndarray | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Project rows on the principal components of some of them.

    Up to 1,024 fitted rows the decomposition is exact; more are taken in batches by scikit-learn's
    `IncrementalPCA`, with which memory does not grow with their number.

    Args:
        rows: (N, ...), uint8 pixels (brought to [0, 1]) or floats; an array or a mapped file.
        components: k, how many to keep, from 1; no more than there are fitted rows less one.
        fitted: bool (N,), the rows that determine the components; all by default.
        seed: Determines the batches.

    Returns:
        float32 (N, k), the rows' coordinates, the largest variance first; and (k,), each component's
        share of the variance of the fitted rows, 0 to 1.

    Following: section 4 of the report, Figure 3.
    """
    fitted_rows = np.arange(len(rows)) if fitted is None else np.flatnonzero(fitted)
    width = int(np.prod(rows.shape[1:]))
    if not 1 <= components <= min(len(fitted_rows) - 1, width):
        raise UserError(
            f"components={components}: {len(fitted_rows)} photographs of {width} values have 1 to "
            f"{min(len(fitted_rows) - 1, width)} principal components."
        )
    parts = 1 if len(fitted_rows) <= WHOLE else -(-len(fitted_rows) // BATCH)
    kept = min(components + _SPARE, len(fitted_rows) // parts, width)
    pca = IncrementalPCA(kept)
    order = np.random.default_rng(seed).permutation(fitted_rows) if parts > 1 else fitted_rows
    # On one thread: matrices so small gain little from several, and lose much on a busy machine.
    with threadpool_limits(1), np.errstate(invalid="ignore"):
        for part in np.array_split(order, parts):
            pca.partial_fit(_floats(rows, np.sort(part)))
        scores = [
            pca.transform(_floats(rows, np.arange(first, min(first + BATCH, len(rows)))))
            for first in range(0, len(rows), BATCH)
        ]
    explained = pca.explained_variance_ratio_[:components]
    if not np.isfinite(explained).all():
        raise UserError(
            f"The {len(fitted_rows)} photographs are all alike: nothing tells them apart."
        )
    return np.concatenate(scores)[:, :components].astype("float32"), explained


def tsne(scores: np.ndarray, seed: int = 0) -> np.ndarray:
    """Lay points out on a plane so that near ones stay near: t-SNE.

    Args:
        scores: (N, k), N at least 3; such as the first principal components.
        seed: Determines the layout where points are tied.

    Returns:
        float32 (N, 2). Only nearness in it means something, neither units nor directions.

    Following: section 4 of the report, Figure 4; perplexity 30, less for fewer than 91 points.
    """
    layout = TSNE(2, perplexity=perplexity(len(scores)), init="pca", random_state=seed)
    with threadpool_limits(1 if len(scores) <= _FEW else None):
        return layout.fit_transform(np.asarray(scores, "float32"))


def perplexity(count: int) -> float:
    """The perplexity that `tsne` takes for so many points: about how many neighbours count."""
    return min(PERPLEXITY, (count - 1) / 3)


def neighbour_metrics(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int = 0
) -> dict | None:
    """Measure how often a point's nearest neighbour is of its class.

    The neighbour is looked for in the other folds of `StratifiedGroupKFold`, so never in the point's
    own group. The interval is the middle 95 % over groups drawn anew with replacement.

    Args:
        scores: (N, k).
        labels: (N,) class names or indices.
        groups: (N,) patients or duplicate clusters.
        seed: Determines folds and interval.

    Returns:
        `accuracy`, its `interval`, `prior` (share of the most frequent class), `balanced_accuracy`
        and `chance` (one over the classes); `accuracy_ignoring_groups`, with the point's own group
        among the candidates, and `same_group`, how often the neighbour then is of that group; with
        `photographs`, `groups`, `folds`. None where a class has fewer than two groups.
    """
    classes, index = np.unique(labels, return_inverse=True)
    _, group = np.unique(groups, return_inverse=True)
    fewest = min(len(np.unique(group[index == k])) for k in range(len(classes)))
    if len(classes) < 2 or fewest < 2:
        return None
    folds = StratifiedGroupKFold(min(5, fewest), shuffle=True, random_state=seed)
    nearest = KNeighborsClassifier(1)
    with threadpool_limits(1):
        guess = cross_val_predict(nearest, scores, index, groups=group, cv=folds)
        nearby = NearestNeighbors(n_neighbors=1).fit(scores).kneighbors(return_distance=False)[:, 0]
    return {
        "accuracy": float((guess == index).mean()),
        "interval": _interval(guess == index, group, seed),
        "prior": float(np.bincount(index).max() / len(index)),
        "balanced_accuracy": float(balanced_accuracy_score(index, guess)),
        "chance": 1 / len(classes),
        "accuracy_ignoring_groups": float((index[nearby] == index).mean()),
        "same_group": float((group[nearby] == group).mean()),
        "photographs": len(index),
        "groups": int(group.max()) + 1,
        "folds": folds.get_n_splits(),
    }


def _interval(right: np.ndarray, group: np.ndarray, seed: int) -> list[float]:
    """The middle 95 % of the share of right answers, whole groups drawn with replacement."""
    sizes, sums = np.bincount(group), np.bincount(group, weights=right)
    rng = np.random.default_rng(seed)
    shares = []
    for _ in range(_DRAWS):
        drawn = rng.integers(len(sizes), size=len(sizes))
        shares.append(sums[drawn].sum() / sizes[drawn].sum())
    return [float(q) for q in np.quantile(shares, [0.025, 0.975])]


def _floats(rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    part = np.asarray(rows[numbers])
    scale = 255.0 if part.dtype == np.uint8 else 1.0
    return part.reshape(len(part), -1).astype("float32") / np.float32(scale)
