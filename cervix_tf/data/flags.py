"""The column `flags`: the vocabulary of all verbs, and words joined by `; ` read, counted and added."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cervix_tf.data.manifests import check_manifest
from cervix_tf.errors import UserError, unknown

ZERO_BYTES = "zero bytes"
TRUNCATED = "truncated"
WRONG_TYPE = "wrong type"
UNREADABLE = "unreadable"
TOO_LARGE = "too large"
ODD_HEADER = "odd header"
EXACT_DUPLICATE = "exact duplicate"
NEAR_DUPLICATE = "near-duplicate"
LABEL_CONFLICT = "label conflict"
LEAK = "leak"
GREEN = "green"
IODINE = "iodine"
BLURRED = "blurred"
DARK = "dark"
OVER_EXPOSED = "over-exposed"
TEXT = "text"
OUTLIER = "outlier"
NO_CERVIX = "no cervix"
REMOVED_BY_KAGGLE = "removed by Kaggle"
NOT_LOCATED = "cervix not located"
NOT_FOUND = "no cervix found"
LABEL_ERROR = "label error"
UNFAMILIAR = "unfamiliar"
CLEANVISION = "cleanvision: "  # before a name of its own

FLAGS: dict[str, str] = {
    ZERO_BYTES: "The file is empty.",
    TRUNCATED: "The file ends before the picture does; it cannot be read.",
    WRONG_TYPE: "No picture, or another kind of picture than the file's name says.",
    UNREADABLE: "The file is damaged, gone, or may not be read.",
    TOO_LARGE: "More pixels or bytes than the limit, which CERVIX_TF_MAX_PIXELS raises; not decoded.",
    ODD_HEADER: "A JPEG whose header breaks the standard; the photograph is whole and is read.",
    EXACT_DUPLICATE: "Another photograph has the same bytes.",
    NEAR_DUPLICATE: "Another photograph shows the same, re-encoded, resized, cropped, turned ...",
    LABEL_CONFLICT: "Duplicates of one cluster have different labels.",
    LEAK: "Duplicates of one cluster are both in the test set and among the labelled for training.",
    GREEN: "Taken through a green filter: green is the strongest colour.",
    IODINE: "Brown and yellow as after iodine, which takes the blue light.",
    BLURRED: "Without fine detail even at the size that networks see.",
    DARK: "Even the brightest parts are dark.",
    OVER_EXPOSED: "A large part is at the end of the range of brightness.",
    TEXT: "Text or paper: mostly bright and without colour.",
    OUTLIER: "Far from all other photographs in colour and texture: perhaps no cervix.",
    NO_CERVIX: "Known of Kaggle's set: shows no cervix.",
    REMOVED_BY_KAGGLE: "Listed in Kaggle's removed_files.csv.",
    NOT_LOCATED: "The localiser, or a file of boxes, does not say where the cervix is.",
    NOT_FOUND: "Segmentation found nothing: the mask is empty.",
    LABEL_ERROR: "A network that was not trained on the photograph contradicts its label (cleanlab).",
    UNFAMILIAR: "Far from all photographs that the network was trained on, in its own features.",
    CLEANVISION + "dark": "Cleanvision: even its brightest parts are dark.",
    CLEANVISION + "light": "Cleanvision: even its darkest parts are bright.",
    CLEANVISION + "odd_aspect_ratio": "Cleanvision: far longer one way than the other.",
    CLEANVISION + "low_information": "Cleanvision: hardly any variation of its pixels.",
    CLEANVISION + "exact_duplicates": "Cleanvision: pixel for pixel another photograph.",
    CLEANVISION + "near_duplicates": "Cleanvision: the same perceptual hash as another photograph.",
    CLEANVISION + "blurry": "Cleanvision: no sharp edges.",
    CLEANVISION + "grayscale": "Cleanvision: without colour.",
    CLEANVISION + "odd_size": "Cleanvision: far larger or smaller than the others.",
}

GIVEN_BY: dict[str, tuple[str, ...]] = {
    "audit": tuple(FLAGS)[: list(FLAGS).index(NO_CERVIX)],
    "audit --run": (LABEL_ERROR,),
    "audit --cleanvision": tuple(flag for flag in FLAGS if flag.startswith(CLEANVISION)),
    "read_kaggle": (ZERO_BYTES, TRUNCATED, NO_CERVIX, REMOVED_BY_KAGGLE),
    "predict --flags": (GREEN, IODINE, BLURRED, DARK, OVER_EXPOSED, TEXT, UNFAMILIAR),
    "segment": (NOT_LOCATED, NOT_FOUND),
}
FILE_FAULTS = (ZERO_BYTES, TRUNCATED, WRONG_TYPE, UNREADABLE, TOO_LARGE, ODD_HEADER)
WITHOUT_CERVIX = (NO_CERVIX, NOT_LOCATED, NOT_FOUND)  # where nothing says what to crop

_ORDER = {flag: position for position, flag in enumerate(FLAGS)}


def flag_words(flags: object) -> list[str]:
    """Split the flags of one photograph into words.

    Args:
        flags: A value of the column `flags`: words joined by `;`, or missing.

    Returns:
        The words; none where the value is missing.
    """
    if not isinstance(flags, str):
        return []
    return [word.strip() for word in flags.split(";") if word.strip()]


def join_flags(words: Iterable[str]) -> str | None:
    """Join flags, each once, in the order of `FLAGS`, others behind; None for none.

    Args:
        words: Flags, in any order.

    Returns:
        A value of the column `flags`.
    """
    once = dict.fromkeys(words)
    return "; ".join(sorted(once, key=lambda word: _ORDER.get(word, len(_ORDER)))) or None


def flags_of(manifest: pd.DataFrame) -> list[list[str]]:
    """List the flags of each photograph; none where the manifest has no column `flags`.

    Args:
        manifest: A manifest.

    Returns:
        The words of each row, in its order.
    """
    return [flag_words(value) for value in manifest.get("flags", [None] * len(manifest))]


def with_flags(manifest: pd.DataFrame, words: Iterable[Iterable[str]]) -> pd.DataFrame:
    """Give each photograph these flags in place of those it has.

    Args:
        manifest: A manifest.
        words: The flags of each row.

    Returns:
        A copy of the manifest with the column `flags`.
    """
    values = [join_flags(flags) for flags in words]
    return manifest.assign(flags=pd.Series(values, manifest.index, dtype="object"))


def with_flag(manifest: pd.DataFrame, rows: np.ndarray, flag: str) -> pd.DataFrame:
    """Add a flag to some photographs.

    Args:
        manifest: A manifest, with the column `flags` or without.
        rows: (N,) bool, the photographs to flag.
        flag: One word.

    Returns:
        A copy of the manifest; a photograph that has the flag already keeps it once.
    """
    pairs = zip(flags_of(manifest), np.asarray(rows, bool), strict=True)
    return with_flags(manifest, ([*words, flag] if flagged else words for words, flagged in pairs))


def reflag(
    manifest: pd.DataFrame, old: Iterable[str], new: Iterable[Iterable[str]]
) -> pd.DataFrame:
    """Replace the flags that one tool gives and leave the others.

    Args:
        manifest: A manifest, with the column `flags` or without.
        old: The words of this tool, which an earlier call may have left.
        new: Those it gives each photograph now.

    Returns:
        A copy of the manifest.
    """
    replaced, pairs = set(old), zip(flags_of(manifest), new, strict=True)
    return with_flags(manifest, ([*(w for w in a if w not in replaced), *b] for a, b in pairs))


def has_flag(manifest: pd.DataFrame, *flags: str) -> np.ndarray:
    """Tell which photographs have one of some flags; without a column `flags` none has.

    Args:
        manifest: A manifest.
        flags: Words.

    Returns:
        (N,) bool.
    """
    return np.array([not set(flags).isdisjoint(words) for words in flags_of(manifest)], bool)


def flag_counts(manifest: pd.DataFrame) -> pd.DataFrame:
    """Count the photographs of each flag.

    Args:
        manifest: A manifest with the column `flags`.

    Returns:
        A table with one row a flag that occurs, in the order of `data.FLAGS`, and the columns `flag`,
        `photographs` and `explanation` (empty for a word that is not known here).

    Raises:
        UserError: The manifest has no column `flags`.

    Example:
        >>> flag_counts(audit(read_manifest("data")))
    """
    check_manifest(manifest)
    need_flags(manifest)
    counts = pd.Series(flags_of(manifest), dtype="object").explode().dropna().value_counts()
    order = [flag for flag in FLAGS if flag in counts.index]
    order += sorted(set(counts.index) - set(order))
    rows = [(word, int(counts[word]), FLAGS.get(word, "")) for word in order]
    return pd.DataFrame(rows, columns=["flag", "photographs", "explanation"])


def check_flags(flags: Iterable[str], manifest: pd.DataFrame) -> None:
    """Refuse a flag that is neither in `FLAGS` nor in the manifest.

    Args:
        flags: Words, such as those of `--drop`.
        manifest: A manifest, with the column `flags` or without.

    Raises:
        UserError: A flag is unknown; the nearest known one is named.
    """
    known = dict.fromkeys([*FLAGS, *(word for words in flags_of(manifest) for word in words)])
    for flag in flags:
        if flag not in known:
            raise unknown("flag", flag, known)


def need_flags(manifest: pd.DataFrame) -> None:
    """Refuse a manifest without the column `flags`.

    Args:
        manifest: A manifest.

    Raises:
        UserError: The column is missing.
    """
    if "flags" not in manifest:
        raise UserError(
            "The manifest has no column 'flags': run `cervix-tf audit` first and use the manifest.csv "
            "it writes."
        )
