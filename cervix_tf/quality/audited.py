"""What an audit found, as a notebook shows it."""

from html import escape

import pandas as pd

_LEFT = 'style="text-align:left"'  # notebooks put text to the right
NAMED = 3  # photographs named of each finding


class Audited(pd.DataFrame):
    """A manifest as `audit` returns it, which shows its findings in a notebook.

    What is selected from it or made of it is a plain table again.

    Example:
        >>> audit(read_manifest("data"))  # in a notebook: each flag, its photographs, what it means
    """

    def _repr_html_(self) -> str:
        from cervix_tf.data.flags import flag_counts, has_flag

        if "flags" not in self:  # a column was taken out of it in place
            return pd.DataFrame(self).to_html()
        flagged = int(self["flags"].notna().sum())
        clusters = self["cluster"].nunique() if "cluster" in self else 0
        head = (
            f"<b>{len(self)} photographs</b>: {flagged} flagged, {clusters} "
            f"{'cluster' if clusters == 1 else 'clusters'} of duplicates"
        )
        rows = []
        for row in flag_counts(self).to_dict("records"):
            names = self["image"][has_flag(self, row["flag"])].tolist()
            such = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
            cells = (row["flag"], row["photographs"], row["explanation"], such)
            rows.append("".join(f"<td {_LEFT}>{escape(str(cell))}</td>" for cell in cells))
        if not rows:
            return f"<div>{head}</div>"
        titles = ("flag", "photographs", "what it means", "such as")
        return (
            f"<div>{head}<table><tr>{''.join(f'<th {_LEFT}>{title}</th>' for title in titles)}</tr>"
            f"{''.join(f'<tr>{row}</tr>' for row in rows)}</table></div>"
        )
