"""What an audit's page shows of each flag: photographs in sets side by side, or with the worst first."""

from collections import Counter
from typing import TypedDict

import pandas as pd

from cervix_tf.data import flag_counts
from cervix_tf.data.flags import (
    BLURRED,
    DARK,
    EXACT_DUPLICATE,
    LABEL_CONFLICT,
    LABEL_ERROR,
    LEAK,
    NEAR_DUPLICATE,
    OUTLIER,
    OVER_EXPOSED,
    has_flag,
)
from cervix_tf.quality.label_quality import doubted

MEMBERS = 50  # photographs shown of one set
SETS = {  # findings shown as sets of photographs side by side, by the column that joins a set
    LABEL_CONFLICT: "cluster",
    LEAK: "cluster",
    EXACT_DUPLICATE: "sha256",
    NEAR_DUPLICATE: "cluster",
}
WORST = {  # other findings are shown with the worst first: by which column, and whether least is worst
    BLURRED: ("sharpness", True),
    DARK: ("brightness", True),
    OVER_EXPOSED: ("brightness", False),
    OUTLIER: ("distance", False),
}


class Group(TypedDict):
    """Photographs that stand together."""

    head: str
    small: str
    kind: str  # "set", "ranked" or "sheet"
    cards: list[tuple[str, str]]  # the path of each, and what was measured
    more: int  # photographs that are not shown


class Finding(TypedDict):
    """A flag with what is shown of it."""

    flag: str
    count: int
    groups: list[Group]
    more: int
    unit: str


def findings(
    audited: pd.DataFrame, most: int, neighbours: pd.DataFrame | None = None
) -> list[Finding]:
    """Arrange the flagged photographs of an audit by flag, sets before others.

    Args:
        audited: A manifest as `audit` returns it.
        most: How many photographs, or sets of them, are shown of one finding, at most.
        neighbours: As `inference.nearest_of_each_class` returns it, to stand beside doubted labels.

    Returns:
        The findings, one for each flag that occurs.
    """
    flags = flag_counts(audited)["flag"].tolist()
    order = [flag for flag in SETS if flag in flags] + [flag for flag in flags if flag not in SETS]
    return [
        _doubts(audited, most, neighbours) if flag == LABEL_ERROR else _finding(audited, flag, most)
        for flag in order
    ]


def _finding(audited: pd.DataFrame, flag: str, most: int) -> Finding:
    flagged = audited[has_flag(audited, flag)]
    column = SETS.get(flag, "")
    if column in audited and flagged[column].notna().any():
        # Large sets first; of a set all is shown, also what does not have the flag itself.
        sizes = flagged[column].value_counts(sort=False)
        names = sizes.sort_values(ascending=False, kind="stable").index.tolist()
        members = audited.groupby(column).indices
        sets = [_set(audited.iloc[members[name]], name, column) for name in names[:most]]
        return Finding(flag=flag, count=len(flagged), groups=sets, more=len(names) - len(sets),
                       unit="sets")  # fmt: skip
    measure, rising = WORST.get(flag, ("", True))
    if measure in flagged:
        flagged = flagged.sort_values(measure, ascending=rising, kind="stable")
        words = [f"{measure} {v:.3g}" if pd.notna(v) else "" for v in flagged[measure]]
    else:
        words = [""] * len(flagged)
    cards = list(zip(flagged["path"], words, strict=True))[:most]
    sheet = Group(head="", small="", kind="sheet", cards=cards, more=0)
    return Finding(flag=flag, count=len(flagged), groups=[sheet], more=len(flagged) - len(cards),
                   unit="photographs")  # fmt: skip


def _set(rows: pd.DataFrame, name: object, column: str) -> Group:
    """The photographs of a set, at most so many, and how often each label and source occurs."""
    shown = rows
    if len(rows) > MEMBERS:  # one of each label and source before the others
        turn = rows.groupby(["label", "source"], dropna=False).cumcount()
        shown = rows.loc[turn.sort_values(kind="stable").index].head(MEMBERS)
    labels = _counted(rows["label"].dropna()) or "no label"
    return Group(
        head=f"{len(rows)} photographs: {labels}; {_counted(rows['source'])}",
        small=f"cluster {name}" if column == "cluster" else "",
        kind="set",
        cards=[(path, "") for path in shown["path"]],
        more=len(rows) - len(shown),
    )


def _counted(values: pd.Series) -> str:
    return ", ".join(f"{count} {value}" for value, count in Counter(values).most_common())


def _doubts(audited: pd.DataFrame, most: int, neighbours: pd.DataFrame | None) -> Finding:
    """The doubted labels by rank: each photograph, then the nearest of each class."""
    flagged = doubted(audited)
    beside: dict[str, list[tuple[str, str]]] = {}
    if neighbours is not None:
        columns = (neighbours[name] for name in ("path", "nearest", "distance"))
        for path, nearest, distance in zip(*columns, strict=True):
            beside.setdefault(path, []).append((nearest, f"distance {distance:.2f}"))
    groups = []
    for rank, row in enumerate(flagged.head(most).to_dict("records"), 1):
        head = f"{rank}. Label {row['label']}"
        if pd.notna(row.get("guess")):
            head += (
                f", probability {row['label_quality']:.2g}; guess {row['guess']}, probability "
                f"{row['guess_probability']:.2g}"
            )
        cards = [(row["path"], ""), *beside.get(row["path"], [])]
        groups.append(Group(head=head, small="", kind="ranked", cards=cards, more=0))
    return Finding(flag=LABEL_ERROR, count=len(flagged), groups=groups,
                   more=len(flagged) - len(groups), unit="photographs")  # fmt: skip
