import re

from cervix_tf.evaluation import write_report


def test_one_file_with_figures_and_pictures(finished):
    page = write_report(finished.folder).read_text()
    assert f"{finished.metrics['log_loss']:.4f}" in page
    assert "class prior" in page
    assert page.count("data:image/png;base64,") == 3
    assert not re.findall(r'(?:src|href)="(?!data:)', page), "it needs no other file"
    assert "phantom" in page
    assert "cervixnet1" in page
