"""The audit of a set of photographs: what is broken, double, leaking, or looks amiss."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data.decoding import UnreadableError, dimensions
from cervix_tf.data.flags import (
    EXACT_DUPLICATE,
    FILE_FAULTS,
    LABEL_CONFLICT,
    LEAK,
    NEAR_DUPLICATE,
    OUTLIER,
    UNREADABLE,
    flags_of,
    with_flags,
)
from cervix_tf.data.manifests import identities, validated
from cervix_tf.data.photographs import Progress, read_bytes
from cervix_tf.data.squares import square_size
from cervix_tf.quality.appearance import FAR, appearance_flags, distances
from cervix_tf.quality.file_faults import fault
from cervix_tf.quality.measurements import Measurements
from cervix_tf.quality.near_duplicates.clusters import linked, near_duplicates
from cervix_tf.quality.near_duplicates.neighbours import warn_of_every_pair
from cervix_tf.quality.survey import survey

_SQUARE = square_size(224)  # what `fit` prepares for most networks, so the cache serves both


def audit(
    manifest: pd.DataFrame, cache: Path | str | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """Look for faults, duplicates, leaks and strange photographs; nothing in any folder is changed.

    Photographs are decoded once, scaled down, to the squares that `prepare` keeps, so training
    after an audit decodes nothing anew. Near-duplicates are linked whatever their source, split and
    label; `near_duplicates` says how. The order of the manifest's rows does not matter.

    Args:
        manifest: A manifest.
        cache: Where the squares are kept, as for `prepare`; "memory" keeps nothing.
        progress: Called with the number of photographs done so far and of all.

    Returns:
        A copy of the manifest, same rows in the same order (`flag_counts` sums up its findings), with

        - `group`: groups that share near-duplicates are one, called as the first of them in
          alphabetical order, so that no split parts duplicates or patients;
        - `cluster`: the same for duplicates alone, called as the first of its photographs
          (`source/label/image`); missing where a photograph has no duplicate;
        - `flags`: words of `FLAGS` in its order, then other flags the manifest had, joined by `; `;
          missing where there are none. `leak` is on both sides: the test photograph, and the
          labelled ones of its cluster that are not in the test set;
        - `sha256`, `width`, `height` (pixels, upright);
        - `sharpness` (0 to 1), `brightness` (0 to 1) and `distance` (1 is usual), to sort by;
          missing for photographs that cannot be read, `distance` for fewer than 20 too.

    Raises:
        UserError: The cache folder cannot be written or the disk is full. Photographs that cannot be
            read are flagged instead.

    Following: section 4 of the report for the data; docs/appendix/audit.md for limits and figures.

    Example:
        >>> found = audit(read_manifest("data"))
        >>> found[found["flags"].fillna("").str.contains("leak")]["path"]
    """
    given, manifest = manifest, validated(manifest, existing=False)
    done, count = manifest.copy(), len(manifest)
    warn_of_every_pair(count)
    sums: list[str | None] = [None] * count
    sizes = np.zeros((count, 2), np.int32)
    faults: list[str | None] = [None] * count
    paths = manifest["path"].to_numpy(object)

    seen = Measurements(count)

    def see(row: int, square: np.ndarray, data: bytes) -> None:
        sums[row] = hashlib.sha256(data).hexdigest()
        sizes[row] = dimensions(data)[::-1]
        faults[row] = fault(paths[row], data, None)
        seen.add(row, square)

    reasons = survey(manifest, _SQUARE, see, cache, progress)
    seen.finish()
    for row, reason in reasons.items():
        try:
            data = read_bytes(Path(paths[row]))
            sums[row] = hashlib.sha256(data).hexdigest()
            faults[row] = fault(paths[row], data, reason)
        except UnreadableError:
            faults[row] = UNREADABLE
    readable = np.ones(count, bool)
    readable[list(reasons)] = False
    aspects = sizes[:, 0] / np.maximum(sizes[:, 1], 1)
    cluster, exact, distance = _alike(sums, readable, seen, aspects)

    measures = seen.measures
    cluster = np.unique(cluster, return_inverse=True)[1]
    findings = {word: np.array(faults, object) == word for word in FILE_FAULTS}
    findings[EXACT_DUPLICATE] = exact
    findings[NEAR_DUPLICATE] = _several(cluster, sums)
    findings |= _across(manifest, cluster)
    findings |= appearance_flags(measures)
    findings[OUTLIER] = distance > FAR
    keys = identities(manifest).to_numpy(object)
    group = manifest["group"].to_numpy(object)
    names = [str(name) for name in np.where(pd.isna(group), keys, group)]
    groups = _merged(np.array(names, object), cluster)
    clusters = _first_names(keys, cluster)
    clusters[np.bincount(cluster)[cluster] == 1] = None
    for column, values in (("group", groups), ("cluster", clusters)):
        done[column] = pd.Series(values, done.index, dtype="object")
    flags = flags_of(manifest)
    for flag, flagged in findings.items():
        for row in np.flatnonzero(flagged).tolist():
            flags[row].append(flag)
    done = with_flags(done, flags)
    done["sha256"] = pd.Series(sums, done.index, dtype="object")
    for k, column in enumerate(("width", "height")):
        done[column] = pd.Series(sizes[:, k], done.index, "Int64").mask(~readable)
    done[["sharpness", "brightness"]] = measures[:, :2].astype(float)
    done["distance"] = distance
    return done.set_axis(given.index)


def _alike(
    sums: list[str | None], readable: np.ndarray, seen: Measurements, aspects: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cluster numbers, whether there is an exact duplicate, and the distance from others.

    One photograph of each content stands for all, in the order of the contents' sums: so neither the
    order of rows nor where the files lie can make a difference.
    """
    cluster, distance = np.arange(len(sums)), np.full(len(sums), np.nan)
    exact = np.zeros(len(sums), bool)
    rows = np.flatnonzero(readable)
    contents = np.array([sums[row] for row in rows], dtype=object)
    if not len(rows):
        return cluster, exact, distance
    _, first, content, times = np.unique(
        contents, return_index=True, return_inverse=True, return_counts=True
    )
    different = rows[first]
    cluster = cluster + len(sums)  # numbers that no cluster of contents has
    cluster[rows] = near_duplicates(seen.signatures, seen.greys, different, aspects)[content]
    exact[rows] = times[content] > 1
    distance[rows] = distances(seen.features[different])[content]
    return cluster, exact, distance


def _several(cluster: np.ndarray, values: Iterable) -> np.ndarray:
    """Whether the photograph's cluster has more than one value; missing ones do not count."""
    value = pd.factorize(np.array(values, object))[0]
    given = value >= 0
    once = np.unique(np.stack([cluster[given], value[given]]), axis=1)
    return np.bincount(once[0], minlength=len(cluster))[cluster] > 1


def _across(manifest: pd.DataFrame, cluster: np.ndarray) -> dict[str, np.ndarray]:
    """Label conflicts and leaks."""
    labelled = manifest["label"].notna().to_numpy()
    test = (manifest["split"] == "test").to_numpy()
    trains = labelled & ~test
    has_test, has_trains = (np.bincount(cluster, rows)[cluster] > 0 for rows in (test, trains))
    return {
        LABEL_CONFLICT: _several(cluster, manifest["label"]) & labelled,
        LEAK: (test & has_trains) | (trains & has_test),
    }


def _first_names(names: np.ndarray, number: np.ndarray) -> np.ndarray:
    """For each photograph the first name, in alphabetical order, of those with the same number."""
    order = np.argsort(names, kind="stable")
    _, first, inverse = np.unique(number[order], return_index=True, return_inverse=True)
    firsts = np.empty(len(names), object)
    firsts[order] = names[order[first]][inverse]
    return firsts


def _merged(names: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Group names after merging all groups that a cluster, numbered from 0, links."""
    groups, number = np.unique(names, return_inverse=True)
    # A graph of groups and clusters, an edge for each photograph.
    parts = linked(number, len(groups) + cluster, len(groups) + len(cluster))
    return _first_names(names, parts[number])
