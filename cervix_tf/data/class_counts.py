"""How many photographs there are of each class."""

import pandas as pd

from cervix_tf.data.manifests import validated
from cervix_tf.data.names import natural


def summary(manifest: pd.DataFrame) -> pd.DataFrame:
    """Count the photographs of each class and source, as Table 1 of the report does.

    Args:
        manifest: A manifest.

    Returns:
        A table with one row a source, a column a class, `no label` where there are such, and `all`;
        with several sources a last row, `all`, and always a row `share` in per cent of the labelled.

    Example:
        >>> print(summary(read_manifest("data")))
    """
    manifest = validated(manifest, existing=False)
    own = {name: f"{name} (class)" for name in ("no label", "all")}  # two columns are not to be one
    label = manifest["label"].astype("object").replace(own)
    label = label.where(label.notna(), "no label")
    table = pd.crosstab(manifest["source"], label)
    names = sorted((c for c in table.columns if c != "no label"), key=natural)
    table = table[names + ["no label"] * ("no label" in table.columns)]
    table.index.name = table.columns.name = None
    table["all"] = table.sum(axis=1)
    totals = table.sum()
    if len(table) > 1:
        table.loc["all"] = totals
    if names:
        per_cent = 100 * totals[names] / totals[names].sum()
        table = table.astype("object")
        table.loc["share"] = [f"{per_cent[c]:.1f}%" if c in names else "" for c in table.columns]
    return table
