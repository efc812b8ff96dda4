"""A first look at a set of photographs: classes, sizes, samples, means, PCA and t-SNE."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data import prepare, summary
from cervix_tf.data.manifests import photographs_or_phantoms, validated
from cervix_tf.data.outputs import check_not_among
from cervix_tf.data.photographs import Progress, picture_sizes
from cervix_tf.errors import UserError
from cervix_tf.exploration import embedding, plots, sample_sheets
from cervix_tf.exploration.plots import Kind
from cervix_tf.files import check_output, write_csv, write_text
from cervix_tf.pages.pictures import data_address
from cervix_tf.pages.templates import render

TABLES = ("classes.csv", "sizes.csv", "embedding.csv")
FEWEST = 4  # photographs, below which neither components nor neighbours mean anything


def explore(
    manifest: pd.DataFrame,
    out: Path | str,
    components: int = 4,
    backbone: str | None = None,
    weights: str | None = None,
    size: int = 64,
    seed: int = 0,
    cache: Path | str | None = None,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> dict:
    """Draw what a person looks at before training, and write it down on one page.

    The principal components are those of the labelled photographs, if there are as many as
    four, else of all; photographs without a label are projected on them and drawn grey. Memory does
    not grow with the size of the photographs, and with their number only by some numbers for each.

    Args:
        manifest: The photographs; labels are not needed. The order of its rows does not matter.
        out: The folder to write, made if missing: `explore.html`, which needs no other file, its
            pictures as PNG, `classes.csv` (Table 1 of the report), `sizes.csv`, `embedding.csv` (a row a
            photograph: components and t-SNE) and `explore.json` (what is returned).
        components: How many principal components t-SNE and the nearest neighbour get, at least 2;
            the report says three in its text and four under its figure.
        backbone: Also do it with the features of this network of `models.names()`.
        weights: Its weights as `models.build` takes them; by default the published ones, "imagenet".
        size: Side in pixels of the squares that stand for the raw photographs, at least 8.
        seed: Determines samples, t-SNE and folds.
        cache: Where prepared squares are kept, as `data.prepare` takes it.
        progress: Called with the photographs done and their number, for each pass over them.
        options: The backbone's own options, such as `{"alpha": 0.25}`.
        name: What the set is called, for captions.

    Returns:
        A dict: `data`, `photographs`, `labelled`, `groups`, `classes` (counts), `sizes` (the ten
        commonest), `embeddings` (for `pixels` and, by its name, the backbone: what it is `of`,
        `components`, `explained`, `perplexity`, and `neighbour` as `embedding.neighbour_metrics`
        gives it), `settings`, `notes` (what was left out and why) and `files` (name to path).

    Raises:
        UserError: There are fewer than four photographs, some cannot be read (all are named), a
            setting is out of range, or the backbone's weights cannot be had; or `out` lies among the
            photographs or holds tables that no exploration wrote.

    Following: section 4 of the report, Table 1 and Figures 2 to 4.

    Example:
        >>> findings = explore(read_manifest("data"), "explore")
        >>> findings["embeddings"]["pixels"]["neighbour"]["accuracy"]
    """
    manifest = validated(manifest)
    _check(manifest, components, backbone, weights, size, options)
    check_output(out, "folder")
    check_not_among(out, manifest["path"], manifest["label"])
    _check_free(Path(out))
    manifest = manifest.sort_values("path", kind="stable").reset_index(drop=True)
    out = Path(out)
    table = summary(manifest)
    classes = [c for c in table.columns if c not in (plots.UNLABELLED, "all")]
    shown = plots.kinds(manifest, classes)
    kind = photographs_or_phantoms(manifest)
    groups = int(manifest["group"].nunique())
    findings: dict[str, Any] = {
        "name": name,
        "data": kind,
        "photographs": len(manifest),
        "labelled": int(manifest["label"].notna().sum()),
        "groups": groups,
        "classes": {one.name: one.count for one in shown},
        "embeddings": {},
        "settings": {"components": components, "size": size, "seed": seed},
        "notes": [],
        "files": {},
    }
    about = f"{name}: " if name else ""
    about += f"{len(manifest):,} {kind}"
    about += f" of {groups:,} groups" if groups < len(manifest) else ""

    def path(file: str) -> Path:
        findings["files"][file] = str(out / file)
        return out / file

    # The passes over the photographs come first: what cannot be read is named before any writing.
    squares = prepare(manifest, size, cache=cache, progress=progress).array
    values = {"pixels": squares}
    if backbone:
        from cervix_tf.exploration.features import pooled_features

        findings["settings"] |= {"backbone": backbone, "weights": weights or "imagenet"}
        findings["settings"] |= {"options": dict(options or {})}
        values[backbone] = pooled_features(
            manifest, backbone, weights or "imagenet", options, seed, cache, progress
        )
    sizes = picture_sizes(manifest)

    tables = [path(name) for name in TABLES]
    extents = _size_table(manifest, sizes)
    findings["sizes"] = extents[["width", "height", "photographs"]].head(10).to_dict("records")
    plots.plot_classes(manifest, shown, about, path("classes.png"))
    plots.plot_sizes(sizes, shown, about, path("sizes.png"))
    sample_sheets.plot_samples(manifest, shown, about, path("samples.png"), seed)
    sample_sheets.plot_means(squares, shown, f"{about}; {size} × {size}", path("means.png"))
    points = manifest[["image", "path", "label", "group", "source"]].copy()
    for of, rows in values.items():
        stem = re.sub(r"\W+", "_", of)
        files = (path(f"{stem}_pca.png"), path(f"{stem}_tsne.png"))
        _embed(findings, of, rows, manifest, shown, about, files, points)
    page, record = path("explore.html"), path("explore.json")
    write_text(record, json.dumps(findings, indent=2))  # first: by it the others are known as ours
    write_csv(table, tables[0], index=True)
    write_csv(extents, tables[1])
    write_csv(points, tables[2])
    pictures = {name: data_address(out / name) for name in findings["files"] if ".png" in name}
    html = render(
        "exploration.html", findings=findings, about=about, table=table.to_html(border=0),
        pictures=pictures, grouped=groups < len(manifest),
        percent=lambda share: f"{100 * share:.1f} %",
    )  # fmt: skip
    write_text(page, html)
    return findings


def _embed(
    findings: dict,
    of: str,
    values: np.ndarray,
    manifest: pd.DataFrame,
    shown: list[Kind],
    about: str,
    files: tuple[Path, Path],
    points: pd.DataFrame,
) -> None:
    """Embed one kind of values: components, t-SNE, the nearest neighbour and both plots.

    What is found goes into `findings["embeddings"][of]`, the coordinates into the columns of `points`.
    """
    components, seed = findings["settings"]["components"], findings["settings"]["seed"]
    labelled = manifest["label"].notna().to_numpy(bool)
    fitted = labelled if labelled.sum() >= FEWEST else np.ones(len(manifest), bool)
    kept = min(components, int(fitted.sum()) - 1)
    if kept < components:
        findings["notes"].append(
            f"{of}: {kept} principal components, not {components}: {int(fitted.sum())} photographs "
            "have no more."
        )
    scores, explained = embedding.principal_components(values, kept, fitted, seed)
    plane = embedding.tsne(scores, seed)
    neighbour = None
    if labelled.any():
        labels, groups = (manifest[labelled][name].to_numpy(str) for name in ("label", "group"))
        neighbour = embedding.neighbour_metrics(scores[labelled], labels, groups, seed)
    if neighbour is None:
        findings["notes"].append(
            f"{of}: no nearest neighbour's accuracy: it takes at least two classes, each of at least "
            "two groups (patients)."
        )
    size = findings["settings"]["size"]
    what = (
        f"{size} × {size} RGB pixels" if of == "pixels" else f"{values.shape[1]} features of {of}"
    )
    findings["embeddings"][of] = {
        "of": what,
        "components": kept,
        "explained": [float(share) for share in explained],
        "perplexity": embedding.perplexity(len(plane)),
        "neighbour": neighbour,
        "files": [file.name for file in files],
    }
    axes = [f"component {k + 1} ({100 * explained[k]:.1f} % of the variance)" for k in (0, 1)]
    plots.plot_points(scores[:, :2], shown, (axes[0], axes[1]), f"{about}; PCA of {what}", files[0])
    plots.plot_points(
        plane, shown, ("t-SNE 1 (no unit)", "t-SNE 2 (no unit)"),
        f"{about}; t-SNE of {kept} principal components of {what}, perplexity "
        f"{embedding.perplexity(len(plane)):.0f}", files[1],
    )  # fmt: skip
    points[[f"{of}_component_{k + 1}" for k in range(kept)]] = scores
    points[[f"{of}_tsne_{k + 1}" for k in (0, 1)]] = plane


def _check(manifest, components, backbone, weights, size, options) -> None:
    if not isinstance(components, int) or components < 2:
        raise UserError(f"components={components!r}: give at least 2 principal components.")
    if not isinstance(size, int) or size < 8:
        raise UserError(f"size={size!r}: give at least 8 pixels.")
    if not backbone and (weights or options):
        raise UserError("Weights and options need a backbone, such as --backbone keras:MobileNet.")
    if len(manifest) < FEWEST:
        raise UserError(
            f"There are {len(manifest)} photographs: exploring takes at least {FEWEST}."
        )
    if backbone:
        from cervix_tf.models import spec

        spec(backbone)  # an unknown name ends here, with the nearest one


def _check_free(out: Path) -> None:
    """Refuse to write over tables of other work."""
    foreign = [name for name in TABLES if (out / name).exists()]
    if foreign and not (out / "explore.json").exists():
        raise UserError(
            f"{out} holds a {foreign[0]} that no exploration wrote: name another folder, so that it "
            "stays."
        )


def _size_table(manifest: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Count the photographs of each size and class, the commonest size first."""
    label = manifest["label"].fillna(plots.UNLABELLED)
    table = pd.crosstab([sizes["width"], sizes["height"]], label)
    table.insert(0, "photographs", table.sum(axis=1))
    table.insert(1, "bytes", sizes.groupby(["width", "height"])["bytes"].mean().round().astype(int))
    table = table.rename(columns={"bytes": "mean_bytes"})
    return table.reset_index().sort_values("photographs", ascending=False, kind="stable")
