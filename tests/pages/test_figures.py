import pytest
from matplotlib.figure import Figure

from cervix_tf.errors import UserError
from cervix_tf.pages.figures import save


def test_a_figure_is_written_only_where_a_path_is_given(tmp_path):
    figure = Figure(figsize=(1, 1))
    assert save(figure) is figure
    assert save(figure, tmp_path / "plots/a.png") is figure
    assert [path.name for path in tmp_path.rglob("*.*")] == ["a.png"]
    with pytest.raises(UserError, match="cannot be written"):
        save(figure, tmp_path / "plots/a.png/b.png")


def test_names_are_no_formulas(tmp_path):
    figure = Figure()
    axes = figure.subplots()
    axes.set_xticks([0, 1], ["$\\nothing$", "a_$b$"])
    axes.set_yscale("log")
    axes.set_title("$x$")
    axes.plot([0, 1], [0.01, 100], label="$y$")
    legend = axes.legend()
    save(figure, tmp_path / "a.png")
    names = [*axes.get_xticklabels(), axes.title, *legend.get_texts()]
    assert not any(text.get_parse_math() for text in names)
    assert all(text.get_parse_math() for text in axes.get_yticklabels()), "powers of ten are"


def test_a_name_without_a_suffix_is_a_png_and_an_unknown_one_is_refused(tmp_path):
    save(Figure(), tmp_path / "maps")
    assert (tmp_path / "maps").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["maps"]
    with pytest.raises(UserError, match="as xyz; known are .*png"):
        save(Figure(), tmp_path / "maps.xyz")
