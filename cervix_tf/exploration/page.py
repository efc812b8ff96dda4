"""The page of `explore`: its figures and pictures in one HTML file."""

from pathlib import Path

import pandas as pd

from cervix_tf.files import write_text
from cervix_tf.pages.pictures import data_address
from cervix_tf.pages.templates import render


def write_page(findings: dict, table: pd.DataFrame, about: str, path: Path) -> None:
    """Write what `explore` found as one HTML page that needs no other file.

    Args:
        findings: What `explore` returns, its pictures already written.
        table: Photographs by source and class, as `data.summary` gives it.
        about: What the photographs are and how many, for the captions.
        path: The page to write.

    Raises:
        UserError: It cannot be written there.

    Example:
        >>> write_page(findings, summary(manifest), "1481 photographs", Path("explore.html"))
    """
    pictures = {
        name: data_address(Path(file))
        for name, file in findings["files"].items()
        if name.endswith(".png")
    }
    page = render(
        "exploration.html",
        findings=findings,
        about=about,
        pictures=pictures,
        table=table.to_html(border=0),
        grouped=findings["groups"] < findings["photographs"],
        percent=lambda share: f"{100 * share:.1f} %",
    )
    write_text(path, page)
