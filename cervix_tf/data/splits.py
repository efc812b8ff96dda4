"""Training and validation photographs, a group always on one side."""

import warnings
from fractions import Fraction

import numpy as np
import pandas as pd

from cervix_tf.data.flags import LEAK, has_flag
from cervix_tf.data.group_folds import group_folds
from cervix_tf.data.manifests import validated
from cervix_tf.errors import UserError
from cervix_tf.given import is_number, is_whole

MOST = 6  # shares named in a warning


def split(manifest: pd.DataFrame, validation: float = 0.1, seed: int = 0) -> pd.DataFrame:
    """Choose the validation photographs: stratified by class, groups kept whole, seeded.

    The photographs are put into folds as scikit-learn's `StratifiedGroupKFold` does; of these as many as
    make the share asked for become the validation set, those whose class counts come nearest to it.
    The order of the manifest's rows does not matter. Section 4 of the report takes 10 %.

    Args:
        manifest: A manifest. Rows without a label, or whose split is `test`, keep it.
        validation: The share of the labelled photographs to validate on, above 0 and at most 0.5.
        seed: Seed of the choice.

    Returns:
        A copy of the manifest with `split` set to `train`, `validation` or `test` in every row,
        and the columns that every manifest has.

    Raises:
        UserError: The share is out of range, or the groups are too few to have every class on both
            sides.

    Warns:
        UserWarning: The share differs from the one asked for, or the share of a class on a side from
            that in all, by more than 5 points.

    Example:
        >>> split(read_manifest("data"), seed=1)["split"].value_counts()
    """
    if not is_number(validation) or not 0 < validation <= 0.5:
        raise UserError(f"validation={validation!r}: give a share above 0 and at most 0.5.")
    given, manifest = manifest, validated(manifest, existing=False)
    photographs = _divisible(manifest)
    classes, label = np.unique(photographs["label"].astype(str), return_inverse=True)
    group = np.unique(photographs["group"].to_numpy(), return_inverse=True)[1]
    all_counts = np.bincount(label)
    target = validation * all_counts
    share = Fraction(validation).limit_denominator(20)
    most = min(share.denominator, int(group.max()) + 1, int(all_counts.max()))
    # Small sets may have no such share with every class on both sides: then the next larger one.
    for number in range(most, 1, -1):
        folds = group_folds(label, group, number, seed)
        taken = max(1, min(number - 1, round(validation * number)))
        # Every run of neighbouring folds is a candidate; ties go to the first, so the seed decides.
        candidates = [
            np.concatenate([folds[(first + k) % number] for k in range(taken)])
            for first in range(number)
        ]
        counts = [np.bincount(label[c], minlength=len(classes)) for c in candidates]
        whole = [k for k, n in enumerate(counts) if (n > 0).all() and (n < all_counts).all()]
        if whole:
            break
    else:
        raise UserError(
            "There are too few groups (patients) to have every class both in training and in "
            f"validation with seed={seed}: add photographs, or give the split in a CSV."
        )
    best = candidates[min(whole, key=lambda k: float(np.sum(((counts[k] - target) / target) ** 2)))]
    actual = len(best) / len(photographs)
    if abs(actual - validation) > 0.05:
        warnings.warn(
            f"{100 * actual:.0f} % of the photographs validate, not {100 * validation:.0f} %: the groups "
            "(patients) are too few or too large for a share nearer to it.",
            stacklevel=2,
        )
    done = _with_validation(manifest, photographs, best).set_axis(given.index)
    _warn_of_shares({"": done})
    return done


def folds(manifest: pd.DataFrame, number: int = 5, seed: int = 0) -> list[pd.DataFrame]:
    """Divide the photographs into folds, each of which validates once while the others train.

    Stratified by class with groups kept whole, as scikit-learn's `StratifiedGroupKFold` does. The order
    of the manifest's rows does not matter.

    Args:
        manifest: A manifest. Rows without a label, or whose split is `test`, are in no fold.
        number: How many folds, at least 2 and at most the number of groups.
        seed: Seed of the choice.

    Returns:
        One copy of the manifest for each fold, as `split` gives it: `validation` for the
        fold's photographs, `train` for those of the others, `test` for the rest.

    Raises:
        UserError: The number is out of range, or the groups are too few to have photographs in every
            fold and every class in every training.

    Warns:
        UserWarning: The share of a class on a side of a fold differs from that in all by more than 5
            points.

    Example:
        >>> [len(fold[fold["split"] == "validation"]) for fold in folds(read_manifest("data"))]
    """
    given, manifest = manifest, validated(manifest, existing=False)
    photographs = _divisible(manifest)
    groups = photographs["group"].nunique()
    if not is_whole(number) or not 2 <= number <= groups:
        raise UserError(
            f"{number!r} folds cannot be made: give 2 to {groups}, the number of groups (patients)."
        )
    classes, label = np.unique(photographs["label"].astype(str), return_inverse=True)
    parts = group_folds(label, photographs["group"].to_numpy(), number, seed)
    for part in parts:
        left = np.bincount(np.delete(label, part), minlength=len(classes))
        if not len(part) or not left.all():
            raise UserError(
                f"There are too few groups (patients) for {number} folds with seed={seed}: ask for "
                "fewer, or add photographs."
            )
    done = [_with_validation(manifest, photographs, part).set_axis(given.index) for part in parts]
    _warn_of_shares({f"fold {k}, ": fold for k, fold in enumerate(done, 1)})
    return done


def check_split(manifest: pd.DataFrame) -> None:
    """Refuse a split that parts a group, or that lacks a side.

    Between training and validation no group is ever parted. A group that an audit found to leak into
    the test set, which is given and cannot be changed, may stay, with a warning; any other group
    with labelled photographs both in the test set and outside is a mistake.

    Args:
        manifest: A manifest with `split`, and with `flags` if it was audited.
    """
    labelled = manifest[manifest["label"].notna()]
    leaking = set(manifest["group"][has_flag(manifest, LEAK)])
    divided = labelled[~((labelled["split"] == "test") & labelled["group"].isin(leaking))]
    sides = divided.groupby("group")["split"].nunique()
    parted = sides[sides > 1].index.tolist()
    if parted:
        raise UserError(
            f"The split parts {len(parted)} groups, such as {parted[0]!r}: photographs of one group "
            "(patient or duplicates) must be on one side. Change the column 'split' or 'group'."
        )
    for side in ("train", "validation"):
        if not (labelled["split"] == side).any():
            raise UserError(f"The manifest has no labelled photograph whose split is '{side}'.")
    _check_trained(labelled, labelled["split"] == "train")
    _warn_of_leaks(manifest)
    _warn_of_shares({"": manifest})


def _check_trained(labelled: pd.DataFrame, trained: pd.Series) -> None:
    """Refuse classes none of whose photographs are trained on."""
    for name in sorted(set(labelled["label"]) - set(labelled["label"][trained])):
        sides = sorted(labelled["split"][labelled["label"] == name].dropna().unique())
        raise UserError(
            f"Class {name}: no photograph of it trains, all are in {' and '.join(map(repr, sides))}, so "
            "it cannot be learned. Change the column 'split', or leave the class out."
        )


def _warn_of_leaks(manifest: pd.DataFrame) -> None:
    """Warn of photographs to train or validate on that share a group with test photographs."""
    test = manifest["split"] == "test"
    trains = ~test & manifest["label"].notna()
    both = set(manifest["group"][test]) & set(manifest["group"][trains])
    if both:
        outside, inside = (int(manifest["group"][rows].isin(both).sum()) for rows in (trains, test))
        warnings.warn(
            f"{outside} photographs to train or validate on share a group (patient or duplicates) with "
            f"{inside} test photographs: figures on the test set will be too good. --drop leak leaves "
            "out those that an audit found.",
            stacklevel=3,
        )


def _divisible(manifest: pd.DataFrame) -> pd.DataFrame:
    """The rows that may train or validate, in an order that is the same whatever the manifest's."""
    labelled = manifest[manifest["label"].notna()]
    _check_trained(labelled, labelled["split"] != "test")
    photographs = labelled[labelled["split"] != "test"]
    for name, groups in photographs.groupby("label")["group"].nunique().items():
        if groups < 2:
            raise UserError(
                f"Class {name}: all its photographs belong to one group (patient), so it cannot be "
                "both trained on and validated: add photographs of others or leave the class out."
            )
    return photographs.sort_values("path", kind="stable")


def _with_validation(
    manifest: pd.DataFrame, photographs: pd.DataFrame, validation: np.ndarray
) -> pd.DataFrame:
    """A copy in which these positions of `photographs` validate and the others train."""
    manifest = manifest.copy()
    manifest.loc[photographs.index, "split"] = "train"
    manifest.loc[photographs.index[validation], "split"] = "validation"
    manifest.loc[manifest["label"].isna(), "split"] = "test"
    return manifest


def _warn_of_shares(manifests: dict[str, pd.DataFrame]) -> None:
    """Warn, in one line, of every side whose class shares are far from those of both sides."""
    differences = []
    for name, manifest in manifests.items():
        both = manifest[manifest["label"].notna() & manifest["split"].isin(["train", "validation"])]
        if both.empty:
            continue
        counts = pd.crosstab(both["split"], both["label"])
        whole = counts.sum() / len(both)
        for side, row in counts.div(counts.sum(axis=1), axis=0).iterrows():
            differences += [
                f"{name}{side}: {label} is {100 * share:.0f} %, of all {100 * all_share:.0f} %"
                for label, share, all_share in zip(counts.columns, row, whole, strict=True)
                if abs(share - all_share) > 0.05
            ]
    if differences:
        more = f"; and {len(differences) - MOST} more" if len(differences) > MOST else ""
        warnings.warn(
            "Class shares differ from the whole by more than 5 points: "
            f"{'; '.join(differences[:MOST])}{more}.",
            stacklevel=3,
        )
