from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cervix_tf.errors import UserError
from cervix_tf.evaluation import log_loss
from cervix_tf.evaluation.strata import _spread, figures_by
from tests.planted.predicted import predicted


def test_each_value_by_hand():
    predictions = predicted()
    device = predictions.photographs["device"]
    found = figures_by(predictions, "device")
    assert found["missing"] == device.isna().sum() > 0
    assert [row["value"] for row in found["values"]] == device.value_counts().index.tolist()
    for row in found["values"]:
        part = predictions[(device == row["value"]).to_numpy()]
        assert row["photographs"] == len(part)
        assert row["groups"] == part.photographs["group"].nunique()
        assert row["log_loss"] == pytest.approx(log_loss(part.targets, part.probabilities))
        assert row["accuracy"] == pytest.approx((part.predicted == part.targets).mean())
        for name in ("log_loss", "accuracy"):
            low, high = row["intervals"][name]
            assert low < row[name] < high, name
    losses = {row["value"]: row["log_loss"] for row in found["values"]}
    spread = found["spread"]
    assert spread["log_loss"] == pytest.approx(max(losses.values()) - min(losses.values()))
    assert losses[spread["highest"]] > losses[spread["lowest"]]
    assert spread["interval"][0] <= spread["log_loss"] <= spread["interval"][1]


def test_per_group_each_group_counts_once_for_each_of_its_values():
    predictions = predicted()
    table = predictions.photographs
    alternate = np.where(np.arange(len(table)) % 2, "left", "right")
    found = figures_by(
        replace(predictions, photographs=table.assign(eye=alternate)), "eye", "group"
    )
    for row in found["values"]:
        part = predictions[alternate == row["value"]]
        whole = part.per_group()
        assert row["photographs"] == len(part) > row["groups"] == len(whole)
        assert row["log_loss"] == pytest.approx(log_loss(whole.targets, whole.probabilities))


def test_values_of_few_groups_have_no_part_in_the_spread():
    predictions = predicted()
    alone = predictions.photographs.assign(day=np.arange(len(predictions)))
    found = figures_by(replace(predictions, photographs=alone), "day")
    assert len(found["values"]) == len(predictions)
    assert found["values"][0]["intervals"] == {"log_loss": None, "accuracy": None}
    assert found["spread"] is None


def test_a_column_that_is_not_there():
    predictions = predicted()
    with pytest.raises(UserError, match="'devise'.*'device'.*image, path, label, group"):
        figures_by(predictions, "devise")
    empty = replace(predictions, photographs=predictions.photographs.assign(site=None))
    with pytest.raises(UserError, match="'site' is empty"):
        figures_by(empty, "site")


@pytest.mark.parametrize(("true", "groups"), [(0.0, 8), (0.0, 30), (0.5, 30)])
def test_the_spread_holds_the_true_one(true, groups):
    """Four values, of which chance alone always makes one the worst."""
    draw = np.random.default_rng(0)
    held, above = [], []
    for _ in range(60):
        parts = {}
        for number in range(4):
            patient = np.repeat(np.arange(groups), draw.integers(1, 4, groups))
            mean = (0.6 + true * number / 3) * draw.gamma(1.5, 1 / 1.5, groups)
            loss = mean[patient] * draw.gamma(3, 1 / 3, len(patient))
            names = [f"{number} {each}" for each in patient]
            parts[str(number)] = pd.DataFrame({"group": names, "loss": loss})
        low, high = _spread(parts, 0)["interval"]
        held.append(low <= true <= high)
        above.append(low > 0)
    assert np.mean(held) > 0.9
    assert np.mean(above) < 0.1 if true == 0 else np.mean(above) > 0.2
