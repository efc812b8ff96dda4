"""Beside a photograph whose label is doubted, the photographs of each class that look most like it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data import prepare
from cervix_tf.inference.familiarity import kept_references, unit_features
from cervix_tf.quality.label_quality import doubted
from cervix_tf.runs import Run, load

COLUMNS = ["path", "label", "nearest", "distance"]


def nearest_of_each_class(
    runs: Run | Path | str | Sequence[Run | Path | str],
    audited: pd.DataFrame,
    most: int = 1000,
    cache: Path | str | None = None,
) -> pd.DataFrame:
    """Find what to look at beside the photographs flagged `label error`: the nearest of each class.

    Each is compared by the run that did not train on it with those that this run trained on (the up to
    2000 of its `references.npz`). Photographs of its own group are left out, and those that are flagged
    `label error` themselves or have another label by now.

    Args:
        runs: As `quality.label_errors` took them.
        audited: A manifest as `quality.flag_label_errors` returns it.
        most: For how many photographs, those with the most doubtful labels.
        cache: Where prepared squares are kept, as `data.prepare` takes it.

    Returns:
        A table for `quality.write_audit_report`, a row a photograph and class: `path`, `label` (the
        class), `nearest` (the path of the nearest photograph of it) and `distance`, that between the
        features before the logits brought to length 1, 0 to 2. A class that no photograph is left of
        has no row.

    Raises:
        UserError: A run has no `references.npz`, or a photograph cannot be read.

    Example:
        >>> flagged = flag_label_errors(audited, label_errors("ensembles/first"))
        >>> nearest_of_each_class("ensembles/first", flagged)
    """
    flagged = doubted(audited)["path"]
    left = set(flagged.head(most))
    now = audited.set_index("path")
    rows = []
    given = [runs] if isinstance(runs, Run | Path | str) else runs
    for member in (member for run in given for member in load(run).members):
        new = member.validation[member.validation["path"].isin(left)]
        if new.empty:
            continue
        left -= set(new["path"])  # of repeats, the first run that it is new to
        trained, features = kept_references(member)
        paths, labels = trained["path"], trained["label"]
        groups = paths.map(now["group"])
        clean = (paths.map(now["label"]) == labels) & ~paths.isin(flagged)
        squares = prepare(new, member.square_size, cache, crop=member.crop).array
        cosines = unit_features(member.model, squares) @ features.T
        for path, cosine in zip(new["path"], cosines, strict=True):
            others = clean & (groups != now["group"][path])
            for name in member.class_names:
                of_class = np.flatnonzero(others & (labels == name))
                if len(of_class):
                    best = of_class[cosine[of_class].argmax()]
                    distance = np.sqrt(max(2 - 2 * cosine[best], 0))
                    rows.append((path, name, paths[best], float(distance)))
    return pd.DataFrame(rows, columns=COLUMNS)
