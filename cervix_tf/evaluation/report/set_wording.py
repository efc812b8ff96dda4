"""The figures of prediction sets as words, for the screen and for the report."""

from cervix_tf.evaluation.report.wording import NONE, span

ROWS = {"coverage": "coverage", "size": "mean size", "single": "sets of one class"}


def set_rows(metrics: dict) -> list[tuple[str, list[tuple[str, str]]]]:
    """Word the figures of the prediction sets.

    Args:
        metrics: As `metrics_of` returns them.

    Returns:
        Rows of a name and, for all photographs and for each class, figure and 95 % interval; none
        where there are no sets.

    Example:
        >>> set_rows(load("ensembles/first").metrics)[0][0]
        'coverage'
    """
    if "sets" not in metrics:
        return []
    figures, intervals = metrics["sets"], metrics["intervals"]["sets"]
    rows = []
    for key, name in ROWS.items():
        style = "short" if key == "size" else "accuracy"
        values = [figures[key], *figures["by_class"][key]]
        ends = [intervals[key], *intervals["by_class"][key]]
        pairs = zip(values, ends, strict=True)
        rows.append((name, [(_number(key, value), span(style, end)) for value, end in pairs]))
    return rows


def set_remark(metrics: dict) -> str:
    """Say what the sets are."""
    level = f"{100 * metrics['sets']['level']:g} %"
    return (
        f"Sets: the classes that conformal prediction keeps at a level of {level}; coverage is the share "
        "that holds the true one. Each patient counts once."
    )


def _number(key: str, value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.2f}" if key == "size" else f"{100 * value:.1f} %"
