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


POINT = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "positive predictive value",
    "npv": "negative predictive value",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
}


def point_rows(point: dict) -> list[tuple[str, str, str]]:
    """Word the figures of an operating point.

    Args:
        point: As `operating_figures` returns it.

    Returns:
        Rows of name, figure and 95 % interval.

    Example:
        >>> point_rows(figures["operating_point"])[0]
        ('sensitivity', '0.900', '0.712 to 0.970')
    """
    return [
        (name, number(key, point[key]), span(key, point["intervals"][key]))
        for key, name in POINT.items()
    ]


def point_words(point: dict) -> list[str]:
    """Say what an operating point decides, and how its threshold was chosen.

    Args:
        point: As `operating_figures` returns it.

    Returns:
        A head and a sentence.
    """
    low, high = min(point["thresholds"]), max(point["thresholds"])
    values = f"{low:.3f}" + (f" to {high:.3f}" if high > low else "")
    return [
        f"{' or '.join(point['positive'])} against the rest at {point['at'].replace('=', ' ')}: "
        f"{point['positives']} positive, {point['negatives']} negative",
        f"The threshold, {values}, was {point['chosen']}."
        if point["at"].startswith("threshold")
        else f"The threshold, {values}, was chosen {point['chosen']}; the intervals take it as it is.",
    ]


def stratum_rows(by: dict, most: int | None = None) -> list[tuple[str, ...]]:
    """Word the figures of each value of a column.

    Args:
        by: As `figures_by` returns it.
        most: How many values at the most, those of most photographs first; by default all.

    Returns:
        Rows of value, photographs, groups, log loss, its 95 % interval, accuracy, its interval.

    Example:
        >>> stratum_rows(figures["by"])[0]
        ('colposcope', '29', '11', '0.9731', '0.7012 to 1.3120', '58.6 %', '38.9 to 75.9 %')
    """
    return [
        (row["value"], str(row["photographs"]), str(row["groups"]))
        + sum(
            (
                (number(key, row[key]), span(key, row["intervals"][key]))
                for key in ("log_loss", "accuracy")
            ),
            (),
        )
        for row in by["values"][:most]
    ]


def stratum_words(by: dict) -> list[str]:
    """Say which photographs have no value, and how far the values lie apart.

    Args:
        by: As `figures_by` returns it.

    Returns:
        Sentences.
    """
    lines = []
    if by["missing"]:
        lines.append(f"{by['missing']} photographs have no {by['column']}.")
    spread = by["spread"]
    if spread is None:
        return [*lines, f"No spread: it needs two values of {by['column']} of 5 groups or more."]
    lines.append(
        f"Spread between the {spread['values']} values of 5 groups or more: log loss "
        f"{number('log_loss', spread['log_loss'])} ({span('log_loss', spread['interval'])}) higher for "
        f"{spread['highest']} than for {spread['lowest']}; the interval allows for the choice of these "
        "two, and reaches to 0 where chance may be all."
    )
    return lines


def remarks(metrics: dict) -> list[str]:
    """Say what the intervals are, and which resamples they pass over.

    Args:
        metrics: As `metrics_of` returns them.

    Returns:
        Sentences.
    """
    bootstrap, agreement = metrics["bootstrap"], metrics.get("agreement")
    alike = [] if agreement is None else [_of_agreement(agreement)]
    if metrics["groups"] < 2:
        none = "There are no intervals: they need photographs of at least two groups (patients)."
        return [none, *alike]
    lines = [
        f"Intervals: {100 * bootstrap['level']:.0f} % bootstrap over {metrics['groups']} groups "
        f"(patients), {bootstrap['resamples']} resamples. Calibration error: top label, 10 bins of equal "
        "width; with few photographs the figure lies too high, so that its interval reaches far below "
        "it.",
        *alike,
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


def _of_agreement(found: dict) -> str:
    """How photographs of one group agree, in a sentence."""
    intervals = found["intervals"]
    return (
        f"Photographs of one group: of {found['groups']} groups with several, "
        f"{number('accuracy', found['differ'])} ({span('accuracy', intervals['differ'])}) have "
        "photographs of different predicted classes. The largest difference of a class's probability "
        f"between two photographs of a group is {number('', found['difference'])} "
        f"({span('', intervals['difference'])}) in the mean, {number('', found['largest'])} at most "
        f"(group {found['group']})."
    )


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
