"""Which of the photographs given a run has seen before."""

import hashlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data.kaggle.labels import SOLUTION_CSV
from cervix_tf.data.manifests import identities
from cervix_tf.inference.out_of_fold import FOLD, folds_of
from cervix_tf.runs import Ensemble, Run
from cervix_tf.runs.provenance import CONTENT, contents


def least_seen(
    run: Run, manifest: pd.DataFrame, others: Sequence[Run] = ()
) -> tuple[pd.DataFrame, str, bool]:
    """Choose the photographs that a run has seen least, and say in words what they are.

    Args:
        run: The run.
        manifest: Labelled photographs, at least one.
        others: Runs that predict together with it: what one of them has seen is seen.

    Returns:
        Those that the run has not seen; if there are none, those it validated on; if there are none of
        these either, those it trained on. Then what they are, in words, and whether the run has seen
        them. Those it validated on have the run's `FOLD`, by whose others each is calibrated, whatever
        they are called here.

    Warns:
        UserWarning: Photographs were left out, the run trained on those chosen, or it trained on others
            whose groups have the same names.

    Example:
        >>> least_seen(load("runs/first"), read_manifest("data"))[1]
        "test photographs (Kaggle's stage 1, labels released later)"
    """
    own = own_paths(run, manifest)
    role = _roles(run, own)
    for other in others:
        theirs = _roles(other, own_paths(other, manifest))
        role = np.array([max(pair, key=_ORDER.index) for pair in zip(role, theirs, strict=True)])
    order = [r for r in _ORDER if (role == r).any()]
    photographs = manifest[role == order[0]]
    count, groups = len(photographs), photographs["group"]
    dropped = [f"{(role == r).sum()} that the run {_VERB[r]}" for r in order[1:]]
    if dropped:
        warnings.warn(f"Left out of the evaluation: {' and '.join(dropped)}.", stacklevel=3)
    if order[0] == "train":
        better = ": without --data the out-of-fold ones do" if isinstance(run, Ensemble) else ""
        warnings.warn(
            f"The run trained on all {count} photographs: the figures say nothing of new ones{better}.",
            stacklevel=3,
        )
        return photographs, "training photographs: the run has learned these", True
    trained = {
        group
        for one in (run, *others)
        for group in one.manifest["group"][one.manifest["split"] == "train"]
    }
    alike = groups.isin(trained) & (groups != identities(photographs))
    if alike.any():
        warnings.warn(
            f"{alike.sum()} of these {count} photographs are of groups named as groups that the "
            "run trained on: if these are the same patients, the figures are too good.",
            stacklevel=3,
        )
    if order[0] == "validation":
        if others:  # a mean of runs has no calibration of its own
            return photographs, "validation", True
        of_path = dict(zip(run.validation["path"], folds_of(run, run.validation), strict=True))
        folds = [of_path[path] for path in own[role == "validation"]]
        return photographs.assign(**{FOLD: folds}), "validation", True
    return photographs, _named(photographs), False


_ORDER = ["", "validation", "train"]  # by how well a run knows a photograph
_VERB = {"train": "trained on", "validation": "validated on"}


def own_paths(run: Run, manifest: pd.DataFrame) -> np.ndarray:
    """Find photographs among those that a run used, by their path or by their content.

    Args:
        run: The run.
        manifest: Photographs; their files exist, those of the run may be gone.

    Returns:
        (N,) paths in the run's manifest, or None for photographs that it has not used.

    Example:
        >>> own_paths(run, run.validation)[0] == run.validation["path"].iloc[0]
        True
    """
    used = run.manifest[run.manifest["split"].isin(list(_VERB))]
    by_path = {os.path.abspath(path): path for path in used["path"]}
    role = dict(zip(used["path"], used["split"], strict=True))
    by_size: dict[int, list[str]] = {}
    for path in by_path:
        if os.path.isfile(path):
            by_size.setdefault(os.path.getsize(path), []).append(path)
    # Where the run's files have moved since, it knows what they held.
    last = used.sort_values("split", ascending=False)  # of copies the one that trained counts
    noted = dict(zip(last[CONTENT], last["path"], strict=True)) if CONTENT in used else {}
    unknown = [os.path.abspath(p) not in by_path for p in manifest["path"]]
    codes: list[set[str]] = contents(manifest[unknown]) if noted and any(unknown) else []
    known = dict(zip(map(os.path.abspath, manifest["path"][unknown]), codes, strict=False))
    digests: dict[str, str] = {}

    def digest(path: str) -> str:
        if path not in digests:
            digests[path] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        return digests[path]

    def own(path: str) -> str | None:
        if path in by_path:
            return by_path[path]
        if found := [noted[code] for code in known.get(path, ()) if code in noted]:
            return found[0]
        same_size = by_size.get(os.path.getsize(path), [])
        same = [by_path[p] for p in same_size if digest(p) == digest(path)]
        return min(same, key=role.__getitem__, default=None)  # train before validation

    return np.array([own(os.path.abspath(p)) for p in manifest["path"]], dtype=object)


def _roles(run: Run, own: np.ndarray) -> np.ndarray:
    """What the photographs of these paths in its manifest were to a run; "" where there is none."""
    role = dict(zip(run.manifest["path"], run.manifest["split"], strict=True))
    return np.array(["" if path is None else role[path] for path in own], dtype=object)


def _named(photographs: pd.DataFrame) -> str:
    """What photographs that the run has not seen are."""
    splits = set(photographs["split"].dropna())
    name = "test photographs" if splits == {"test"} else "photographs the run has not seen"
    kaggle = [_stage_1(Path(p)) for p in photographs["path"][photographs["source"] == "test"]]
    if any(kaggle):
        number = "" if sum(kaggle) == len(photographs) else f"{sum(kaggle)} of them of "
        name += f" ({number}Kaggle's stage 1, labels released later)"
    return name


def _stage_1(path: Path) -> bool:
    """Whether the CSV of stage 1's labels lies beside the folder `test` or `test/test`."""
    return any((above / SOLUTION_CSV).is_file() for above in list(path.parents)[1:3])
