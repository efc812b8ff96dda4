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
from cervix_tf.data.photographs import Progress, picture_sizes
from cervix_tf.errors import UserError
from cervix_tf.exploration import embedding
from cervix_tf.exploration import plots as exploring_plots
from cervix_tf.exploration import sample_sheets as exploring_sheets
from cervix_tf.exploration.page import write_page
from cervix_tf.exploration.plots import Kind
from cervix_tf.files import replacing, write_text

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
        `components`, `explained`, `perplexity`, and `neighbour` as `embedding.neighbour_figures`
        gives it), `settings`, `notes` (what was left out and why) and `files` (name to path).

    Raises:
        UserError: There are fewer than four photographs, some cannot be read (all are named), a
            setting is out of range, or the backbone's weights cannot be had.

    Following: section 4 of the report, Table 1 and Figures 2 to 4.

    Example:
        >>> found = explore(read_manifest("data"), "explore")
        >>> found["embeddings"]["pixels"]["neighbour"]["accuracy"]
    """
    _check(manifest, components, backbone, weights, size, options)
    manifest = validated(manifest, "the manifest").sort_values("path", kind="stable")
    manifest = manifest.reset_index(drop=True)
    out = Path(out)
    table = summary(manifest)
    classes = [c for c in table.columns if c not in (exploring_plots.UNLABELLED, "all")]
    shown = exploring_plots.kinds(manifest, classes)
    kind = photographs_or_phantoms(manifest)
    groups = int(manifest["group"].nunique())
    found: dict[str, Any] = {
        "name": name,
        "data": kind,
        "photographs": len(manifest),
        "labelled": int(manifest["label"].notna().sum()),
        "groups": groups,
        "classes": {each.name: each.count for each in shown},
        "embeddings": {},
        "settings": {"components": components, "size": size, "seed": seed},
        "notes": [],
        "files": {},
    }
    about = f"{name}: " if name else ""
    about += f"{len(manifest):,} {kind}"
    about += f" of {groups:,} groups" if groups < len(manifest) else ""

    def path(file: str) -> Path:
        found["files"][file] = str(out / file)
        return out / file

    # The passes over the photographs come first: what cannot be read is named before any writing.
    squares = prepare(manifest, size, cache=cache, progress=progress).array
    rows = {"pixels": squares}
    if backbone:
        from cervix_tf.exploration.features import pooled_features

        found["settings"] |= {"backbone": backbone, "weights": weights or "imagenet"}
        found["settings"] |= {"options": dict(options or {})}
        rows[backbone] = pooled_features(
            manifest, backbone, weights or "imagenet", options, seed, cache, progress
        )
    sizes = picture_sizes(manifest)

    _write_csv(table, path("classes.csv"), index=True)
    extents = _size_table(manifest, sizes)
    found["sizes"] = extents[["width", "height", "photographs"]].head(10).to_dict("records")
    _write_csv(extents, path("sizes.csv"))
    exploring_plots.plot_classes(manifest, shown, about, path("classes.png"))
    exploring_plots.plot_sizes(sizes, shown, about, path("sizes.png"))
    exploring_sheets.plot_samples(manifest, shown, about, path("samples.png"), seed)
    exploring_sheets.plot_means(squares, shown, f"{about}; {size} × {size}", path("means.png"))
    places = manifest[["image", "path", "label", "group", "source"]].copy()
    for kind_of, values in rows.items():
        stem = "pixels" if kind_of == "pixels" else re.sub(r"\W+", "_", kind_of)
        files = (path(f"{stem}_pca.png"), path(f"{stem}_tsne.png"))
        _embed(found, kind_of, values, manifest, shown, about, files, places.__setitem__)
    _write_csv(places, path("embedding.csv"))
    page, record = path("explore.html"), path("explore.json")
    write_page(found, table, about, page)
    write_text(record, json.dumps(found, indent=2))
    return found


def _embed(
    found: dict,
    of: str,
    values: np.ndarray,
    manifest: pd.DataFrame,
    shown: list[Kind],
    about: str,
    files: tuple[Path, Path],
    keep,
) -> None:
    """Embed one kind of values: components, t-SNE, the nearest neighbour and both plots."""
    components, seed = found["settings"]["components"], found["settings"]["seed"]
    labelled = manifest["label"].notna().to_numpy(bool)
    fitted = labelled if labelled.sum() >= FEWEST else np.ones(len(manifest), bool)
    kept = min(components, int(fitted.sum()) - 1)
    if kept < components:
        found["notes"].append(
            f"{of}: {kept} principal components, not {components}: {int(fitted.sum())} photographs "
            "have no more."
        )
    pca = embedding.principal_components(values, kept, fitted, seed)
    plane = embedding.tsne(pca.scores, seed)
    neighbour = None
    if labelled.any():
        own = manifest[labelled]
        neighbour = embedding.neighbour_figures(
            pca.scores[labelled], own["label"].astype(str).to_numpy(), own["group"].to_numpy(), seed
        )
    if neighbour is None:
        found["notes"].append(
            f"{of}: no nearest neighbour's accuracy: it takes at least two classes, each of at least "
            "two groups (patients)."
        )
    size = found["settings"]["size"]
    what = (
        f"{size} × {size} RGB pixels" if of == "pixels" else f"{values.shape[1]} features of {of}"
    )
    found["embeddings"][of] = {
        "of": what,
        "components": kept,
        "explained": [float(share) for share in pca.explained],
        "perplexity": embedding.perplexity(len(plane)),
        "neighbour": neighbour,
        "files": [each.name for each in files],
    }
    axes = [f"component {k + 1} ({100 * pca.explained[k]:.1f} % of the variance)" for k in (0, 1)]
    exploring_plots.plot_points(
        pca.scores[:, :2], shown, (axes[0], axes[1]), f"{about}; PCA of {what}", files[0]
    )
    exploring_plots.plot_points(
        plane, shown, ("t-SNE 1 (no unit)", "t-SNE 2 (no unit)"),
        f"{about}; t-SNE of {kept} principal components of {what}, perplexity "
        f"{embedding.perplexity(len(plane)):.0f}", files[1],
    )  # fmt: skip
    for k in range(kept):
        keep(f"{of}_component_{k + 1}", pca.scores[:, k])
    for k in (0, 1):
        keep(f"{of}_tsne_{k + 1}", plane[:, k])


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


def _size_table(manifest: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Count the photographs of each size and class, the commonest size first."""
    label = manifest["label"].fillna(exploring_plots.UNLABELLED)
    table = pd.crosstab([sizes["width"], sizes["height"]], label)
    table.insert(0, "photographs", table.sum(axis=1))
    table.insert(1, "bytes", sizes.groupby(["width", "height"])["bytes"].mean().round().astype(int))
    table = table.rename(columns={"bytes": "mean_bytes"})
    return table.reset_index().sort_values("photographs", ascending=False, kind="stable")


def _write_csv(table: pd.DataFrame, path: Path, index: bool = False) -> None:
    with replacing(path) as part:
        table.to_csv(part, index=index)
