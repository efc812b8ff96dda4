import warnings

import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from cervix_tf.pages import lettering
from cervix_tf.pages.figures import save
from cervix_tf.pages.lettering import BOX, shown


@pytest.fixture(autouse=True)
def anew():
    lettering._font.cache_clear()
    lettering._said.clear()
    yield
    lettering._font.cache_clear()


def figure_of(names):
    figure = Figure(figsize=(12, 6), layout="constrained")
    axes = figure.subplots()
    axes.set_xticks(range(len(names)), names)
    axes.set_title(names[0])
    for name in names:
        axes.plot([0, 1], [1, 2], label=f"class {name}")
    axes.legend()
    return figure


def texts_of(figure):
    axes = figure.axes[0]
    return [*axes.get_xticklabels(), axes.title, *axes.get_legend().get_texts()]


def test_any_name_is_drawn_without_a_word(tmp_path):
    """Formulas that are none, control bytes, bytes of file names, tabs and new lines."""
    names = [
        "$\\nothing$ {$",
        "a_$b$_^",
        "caf\udce9.jpg",
        "it\x92s",
        "a\tb\nc\0",
        "\\frac{",
        "3²4 ①",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = save(figure_of(names), tmp_path / "a.png")
        save(figure, tmp_path / "again.pdf")
    labels = [text.get_text() for text in texts_of(figure)]
    assert labels[: len(names)] == [
        "$\\nothing$ {$", "a_$b$_^", "caf\\xe9.jpg", "it\\x92s", "a\\x09b\nc\\x00", "\\frac{", "3²4 ①",
    ]  # fmt: skip
    assert labels[-1] == "class 3²4 ①"


def test_letters_that_no_font_has_are_boxes_and_said_once(tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr(lettering, "_fonts", lambda: {})
    figure = save(figure_of(["病 1", "正常"]), tmp_path / "a.png")
    save(figure_of(["病 1", "正常"]), tmp_path / "b.png")
    (said,) = recwarn
    assert "No font on this machine has the letter '病'" in str(said.message)
    assert [text.get_text() for text in texts_of(figure)][:2] == [f"{BOX} 1", BOX * 2]
    assert shown("病") == BOX


def test_a_font_that_has_them_is_taken(tmp_path, monkeypatch):
    """Any font stands for one of Chinese here: it is said to have these letters alone."""
    serif = font_manager.findfont(font_manager.FontProperties("DejaVu Serif"))
    usual = lettering._letters(font_manager.findfont(font_manager.FontProperties()))
    chinese = frozenset(map(ord, "病正常"))
    monkeypatch.setattr(lettering, "_fonts", lambda: {"DejaVu Serif": serif})
    monkeypatch.setattr(lettering, "_letters", lambda file: chinese if file == serif else usual)
    figure = figure_of(["病 1", "plain"])
    lettering.literal(figure)
    first, second, *_ = texts_of(figure)
    assert first.get_text() == "病 1"
    assert first.get_fontfamily()[-1] == "DejaVu Serif"
    assert "DejaVu Serif" not in second.get_fontfamily()
