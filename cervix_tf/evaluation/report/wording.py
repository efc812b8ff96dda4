"""Figures as words, for the screen and for the report."""

from typing import Any

NAMES = {
    "log_loss": "log loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "kappa": "Cohen's kappa",
    "quadratic_kappa": "quadratic kappa",
    "brier": "Brier score",
    "ece": "calibration error",
}
BY_CLASS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
}
DECIMALS = {"log_loss": 4, "short": 2}
PERCENT = {"accuracy", "balanced_accuracy"}
NONE = "–"


def figure_rows(metrics: dict) -> list[tuple[str, ...]]:
    """Word the figures that are one number.

    Args:
        metrics: As `metrics_of` returns them.

    Returns:
        Rows of name, figure, 95 % interval, the figure before calibration where there is one, and the
        class prior's.

    Example:
        >>> figure_rows(load("runs/first").metrics)[0]
        ('log loss', '0.3758', '0.2410 to 0.5312', '1.0986')
    """
    intervals = metrics["intervals"]
    beside = [metrics[kind] for kind in ("raw", "prior") if kind in metrics]
    rows = [
        (
            name,
            number(key, metrics[key]),
            span(key, intervals[key]),
            *(number(key, figures[key]) for figures in beside),
        )
        for key, name in NAMES.items()
        if key in metrics  # an older version may have written them
    ]
    for key, name in (
        ("log_loss", "log loss below prior's"),
        ("accuracy", "accuracy above prior's"),
    ):
        gain, interval = metrics["gain"][key], intervals["gain"][key]
        rows.append((name, number(key, gain), span(key, interval), *([""] * len(beside))))
    return rows


def class_rows(metrics: dict) -> list[tuple[str, list[tuple[str, str]]]]:
    """Word the figures of each class.

    Args:
        metrics: As `metrics_of` returns them.

    Returns:
        Rows of a name and, for each class, figure and 95 % interval.

    Example:
        >>> class_rows(load("runs/first").metrics)[1][0]
        'precision'
    """
    rows = [("photographs", [(str(sum(row)), "") for row in metrics["confusion"]])]
    parts = {
        name: (metrics[key], metrics["intervals"][key])
        for key, name in BY_CLASS.items()
        if key in metrics
    }
    for key in ("actual", "predicted"):
        pair = (metrics["prevalence"][key], metrics["intervals"]["prevalence"][key])
        parts[f"{key} share"] = pair
    for name, (values, intervals) in parts.items():
        cells = zip(values, intervals, strict=True)
        rows.append((name, [(number("", v), span("short", i)) for v, i in cells]))
    return rows


def remarks(metrics: dict) -> list[str]:
    """Say what the intervals are, and which resamples they pass over.

    Args:
        metrics: As `metrics_of` returns them.

    Returns:
        Sentences.
    """
    bootstrap = metrics["bootstrap"]
    if metrics["groups"] < 2:
        return ["There are no intervals: they need photographs of at least two groups (patients)."]
    lines = [
        f"Intervals: {100 * bootstrap['level']:.0f} % bootstrap over {metrics['groups']} groups "
        f"(patients), {bootstrap['resamples']} resamples. Calibration error: top label, 10 bins of equal "
        "width; with few photographs the figure lies too high, so that its interval reaches far below "
        "it.",
    ]
    if "raw" in metrics:
        lines.append("Raw: the networks' own probabilities, before calibration.")
    if "probe" in metrics:
        loss, interval = metrics["probe"]["log_loss"], metrics["intervals"]["probe"]["log_loss"]
        lines.append(
            "A linear probe, logistic regression on the same network's features before training, has a "
            f"log loss of {number('log_loss', loss)} ({span('log_loss', interval)}) on these photographs."
        )
    if bootstrap["left_out"]:
        names = {**NAMES, **BY_CLASS}
        counts = ", ".join(f"{names[k]} {n}" for k, n in bootstrap["left_out"].items())
        lines.append(
            "Resamples in which a figure is not defined, a class being absent or never predicted, are "
            f"left out of its interval: {counts}."
        )
    return lines


def number(key: str, value: Any) -> str:
    """Word a figure: a percentage, or with as many decimals as the figure is worth.

    Args:
        key: The figure's name in `metrics.json`, which decides how it is written.
        value: The figure; None where it is not defined.

    Returns:
        Such as `81.8 %` or `0.5227`.
    """
    if value is None:
        return NONE
    if key in PERCENT:
        return f"{100 * value:.1f} %"
    return f"{value:.{DECIMALS.get(key, 3)}f}"


def span(key: str, interval: list[float] | None) -> str:
    """Word an interval.

    Args:
        key: As for `number`.
        interval: Its two ends; None where it is not defined.

    Returns:
        Such as `62.6 to 90.5 %`.
    """
    if interval is None:
        return NONE
    low, high = (number(key, value) for value in interval)
    return f"{low.removesuffix(' %')} to {high}"
