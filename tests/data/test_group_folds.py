import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from cervix_tf.data.group_folds import group_folds
from cervix_tf.errors import UserError


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    photographs=st.integers(60, 250),
    classes=st.integers(2, 10),
    groups=st.integers(20, 120),
    number=st.integers(2, 12),
    mixed=st.booleans(),
)
def test_folds_are_those_of_scikit_learn(seed, photographs, classes, groups, number, mixed):
    random = np.random.default_rng(seed)
    group = np.concatenate([np.arange(20), random.integers(0, groups, photographs - 20)])
    label = random.integers(0, classes, photographs) if mixed else group % classes
    label[:2] = 0, 1
    folds = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
    names = np.char.add("patient ", group.astype(str))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class is smaller than the number of folds
        try:
            wanted = [test for _, test in folds.split(label, label, names)]
        except ValueError:  # all classes are
            return
    mine = group_folds(label, names, number, seed)
    assert [part.tolist() for part in mine] == [part.tolist() for part in wanted]


@pytest.mark.parametrize(("number", "seed"), [(2.0, 0), (2, -1), (2, 1.5), (2, None), (2, 2**32)])
def test_number_and_seed_are_whole_numbers(number, seed):
    with pytest.raises(UserError, match="give a whole number from"):
        group_folds(np.array([0, 1] * 4), np.arange(8), number, seed)
