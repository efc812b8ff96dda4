import pytest
import yaml

from cervix_tf.errors import UserError
from cervix_tf.recipes import load_recipe, load_space
from cervix_tf.recipes.yaml_text import DEEPEST, loaded, shown

TENS = [("x" if k == 0 else f"*{chr(96 + k)}") for k in range(9)]
# Nine lines that stand for a billion values, and for as many keys.
LAUGHS = "".join(
    f"{chr(97 + k)}: &{chr(97 + k)} [{','.join(10 * [x])}]\n" for k, x in enumerate(TENS)
)
MERGED = "a: &a {x: 1}\n" + "".join(
    f"{chr(97 + k)}: &{chr(97 + k)} {{<<: [{','.join(10 * [TENS[k]])}]}}\n" for k in range(1, 9)
)


@pytest.mark.parametrize("text", [LAUGHS, MERGED], ids=["lists", "merged"])
def test_a_few_lines_that_stand_for_a_billion_values_are_refused(tmp_path, text):
    (tmp_path / "own.yaml").write_text(text)
    for load in (load_recipe, lambda path: load_space([str(path)])):
        with pytest.raises(UserError, match=r"own\.yaml is not valid YAML: .* with its aliases"):
            load(tmp_path / "own.yaml")


@pytest.mark.parametrize("text", ["!!bool x", "!!int ''", "!!timestamp abc", "!!float ''"])
def test_a_tag_that_does_not_fit_is_one_line_with_the_file(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(f"batch_size: {text}\n")
    for load in (load_recipe, lambda path: load_space([str(path)])):
        with pytest.raises(UserError, match=r"own\.yaml is not valid YAML") as caught:
            load(path)
        assert "\n" not in str(caught.value)


def test_aliases_and_merged_keys_are_read():
    assert loaded("a: &a {x: [1]}\nb: {<<: *a, y: *a}\n")["b"] == {"x": [1], "y": {"x": [1]}}
    assert loaded("") is None
    assert loaded("[" * DEEPEST + "]" * DEEPEST)
    with pytest.raises(yaml.YAMLError, match="too deeply"):
        loaded("[" * (DEEPEST + 2) + "]" * (DEEPEST + 2))


def test_a_long_value_is_shown_in_part(tmp_path):
    assert shown([1, "a"]) == "[1, 'a']"
    (tmp_path / "own.yaml").write_text(
        f"model: {{name: cervixnet2}}\nseed: {1000 * 'x'}\nstages: [{{steps: 1}}]\n"
    )
    with pytest.raises(UserError, match="'seed'") as caught:
        load_recipe(tmp_path / "own.yaml")
    assert len(str(caught.value)) < 600
