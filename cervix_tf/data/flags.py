"""The column `flags`: words joined by `; `, explained, counted and added to."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cervix_tf.errors import UserError, unknown

FLAGS: dict[str, str] = {
    "zero bytes": "The file is empty.",
    "truncated": "The file ends before the picture does; it cannot be read.",
    "wrong type": "No picture, or another kind of picture than the file's name says.",
    "unreadable": "The file is damaged, gone, or may not be read.",
    "exact duplicate": "Another photograph has the same bytes.",
    "near-duplicate": "Another photograph shows the same, re-encoded, resized, cropped, turned ...",
    "label conflict": "Duplicates of one cluster have different labels.",
    "leak": "Duplicates of one cluster are both in the test set and among the labelled for training.",
    "green": "Taken through a green filter: green is the strongest colour.",
    "iodine": "Brown and yellow as after iodine, which takes the blue light.",
    "blurred": "Without fine detail even at the size that networks see.",
    "dark": "Even the brightest parts are dark.",
    "over-exposed": "A large part is at the end of the range of brightness.",
    "text": "Text or paper: mostly bright and without colour.",
    "outlier": "Far from all other photographs in colour and texture: perhaps no cervix.",
    "no cervix": "Known of Kaggle's set: shows no cervix.",
    "removed by Kaggle": "Listed in Kaggle's removed_files.csv.",
}

SEPARATOR = "; "
LABEL_ERROR = "label error"
CLEANVISION = "cleanvision: "

# What is added after `audit`, by tools that are asked for. Cleanvision's names are its own.
LATER = {
    LABEL_ERROR: "A network that was not trained on the photograph contradicts its label (cleanlab).",
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


def flag_words(flags: object) -> list[str]:
    """Part the flags of one photograph.

    Args:
        flags: A value of the column `flags`: words joined by `;`, or missing.

    Returns:
        The words; none where the value is missing.

    Example:
        >>> flag_words("blurred; dark")
        ['blurred', 'dark']
    """
    if not isinstance(flags, str):
        return []
    return [word.strip() for word in flags.split(";") if word.strip()]


def reflag(flags: object, own: Iterable[str], found: Iterable[str]) -> str | None:
    """Replace one tool's flags of a photograph and leave the others.

    Args:
        flags: A value of the column `flags`.
        own: The words of this tool, which an earlier look may have left.
        found: Those it has found now.

    Returns:
        The new value of the column; None for none.

    Example:
        >>> reflag("dark; no cervix found", ["no cervix found"], [])
        'dark'
    """
    found = list(found)
    kept = [word for word in flag_words(flags) if word not in {*own, *found}]
    return SEPARATOR.join(kept + found) or None


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
    counts = column_of_flags(manifest).map(flag_words).explode().dropna().value_counts()
    explained = explanations()
    order = [word for word in explained if word in counts.index]
    order += sorted(set(counts.index) - set(order))
    rows = [(word, int(counts[word]), explained.get(word, "")) for word in order]
    return pd.DataFrame(rows, columns=["flag", "photographs", "explanation"])


def explanations() -> dict[str, str]:
    """Explain every flag that this package gives: those of `audit`, then those of other tools."""
    return {**FLAGS, **LATER}


def check_flags(flags: Iterable[str], manifest: pd.DataFrame) -> None:
    """Refuse a flag that is neither known nor in the manifest.

    Args:
        flags: Words.
        manifest: A manifest; words of its own in the column `flags` are accepted too.

    Raises:
        UserError: A word is unknown; the message gives the nearest known one.

    Example:
        >>> check_flags(["blurred"], manifest)
    """
    known = dict.fromkeys(explanations())
    if "flags" in manifest:
        known |= dict.fromkeys(word for value in manifest["flags"] for word in flag_words(value))
    for flag in flags:
        if flag not in known:
            raise unknown("flag", flag, known)


def has_flag(manifest: pd.DataFrame, flag: str) -> np.ndarray:
    """Tell which photographs have a flag.

    Args:
        manifest: A manifest with the column `flags`.
        flag: One word.

    Returns:
        (N,) bool.

    Raises:
        UserError: The manifest has no column `flags`.

    Example:
        >>> manifest[has_flag(manifest, "blurred")]
    """
    return np.array([flag in flag_words(value) for value in column_of_flags(manifest)], bool)


def with_flag(manifest: pd.DataFrame, rows: np.ndarray, flag: str) -> pd.DataFrame:
    """Add a flag to some photographs, behind those they have.

    Args:
        manifest: A manifest, with the column `flags` or without.
        rows: (N,) bool, the photographs to flag.
        flag: One word.

    Returns:
        A copy of the manifest; a photograph that has the flag already keeps it once.

    Example:
        >>> with_flag(manifest, manifest["width"] < 300, "small")
    """
    flags = manifest["flags"] if "flags" in manifest else [None] * len(manifest)
    added = [
        SEPARATOR.join(dict.fromkeys([*flag_words(value), *([flag] if chosen else [])])) or None
        for value, chosen in zip(flags, np.asarray(rows, bool), strict=True)
    ]
    return manifest.assign(flags=pd.Series(added, index=manifest.index, dtype="object"))


def column_of_flags(manifest: pd.DataFrame) -> pd.Series:
    """The column `flags`, or an error that says how to get one."""
    if "flags" not in manifest:
        raise UserError(
            "The manifest has no column 'flags': run `cervix-tf audit` first and use the manifest.csv "
            "it writes."
        )
    return manifest["flags"]
