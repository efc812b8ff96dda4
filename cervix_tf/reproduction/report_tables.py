"""The tables of the report as it prints them, and which recipe stands for which row."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A row of Tables 2, 4 or 5: a setting, the recipe that repeats it, and the report's figures.

    Attributes:
        name: What the table calls it.
        recipe: Name of the shipped recipe.
        validation_loss, test_loss: Log loss in nats; None where the table has no such column.
        validation_accuracy: From 0 to 1; None likewise.
    """

    name: str
    recipe: str
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    test_loss: float | None = None


# Table 1, section 4: photographs of each type. Its shares are of 1484; its text says 1481.
TABLE_1 = {"Type_1": 251, "Type_2": 782, "Type_3": 451}

TABLE_2 = (
    Row("original, keep 0.8, L2 0, rate 1e-4", "cervixnet1", 0.8242, None, 0.86433),
    Row("full, keep 0.85, L2 0.01, rate 1e-4", "cervixnet1-row2", 1.0821, None, 0.87287),
    Row("full, keep 1, L2 0, rate 1e-4", "cervixnet1-row3", 0.8412, None, 0.89765),
    Row("full, keep 0.8, L2 0, rate 1e-4", "cervixnet1-row4", 0.8926, None, 0.898),
)
FULL_DATA = ("cervixnet1-row2", "cervixnet1-row3", "cervixnet1-row4")

# Table 3, of ResNet v1: mean predicted probability and actual share of Types 1 to 3.
TABLE_3 = {"predicted": (0.499, 0.454, 0.046), "actual": (0.169, 0.527, 0.304)}

TABLE_4 = (
    Row("1: dropout 0.5, L2 1, switch 1000, seg.", "inception-exp1", None, None, 0.95655),
    Row("2: dropout 0.4, L2 10, never, unseg.", "inception-exp2", None, None, 0.97413),
    Row("3: dropout 0.5, L2 1, never, unseg.", "inception-exp3", None, None, 0.96866),
    Row("4: dropout 0.5, L2 10, never, unseg.", "inception-exp4", None, None, 0.95646),
    Row("5: dropout 0.5, L2 5, switch 500, unseg.", "inception-exp5", None, None, 0.99432),
    Row("6: dropout 0.5, L2 5, switch 1000, unseg.", "inception-exp6", None, None, 0.97094),
)

# Table 5: the best of each architecture. Inception's test loss is that of experiment 4.
TABLE_5 = (
    Row("CervixNet-1", "cervixnet1", 0.8242, 0.617, 0.86433),
    Row("CervixNet-2", "cervixnet2", 0.83758835, 0.651, 0.81768),
    Row("ResNet v1", "resnet-report", 0.8971841, 0.623, 1.08586),
    Row("Inception v2", "inception-exp4", 0.96845, 0.526, 0.95646),
)

# The parts of a reproduction, and the recipes whose runs each shows.
PARTS: dict[str, tuple[str, ...]] = {
    "table1": (),
    "figure5": (),
    "table2": tuple(row.recipe for row in TABLE_2),
    "table3": ("resnet-report",),
    "table4": tuple(row.recipe for row in TABLE_4),
    "table5": tuple(row.recipe for row in TABLE_5),
}
