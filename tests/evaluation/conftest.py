import shutil

import pytest


@pytest.fixture
def with_crop(finished, tmp_path):
    """Maker of a copy of the finished run that says of itself to be trained with another crop."""
    from cervix_tf.runs import load

    def copied(crop: str):
        folder = shutil.copytree(finished.folder, tmp_path / f"trained-on-{crop}")
        recipe = folder / "recipe.yaml"
        text = recipe.read_text()
        assert "crop: square" in text
        recipe.write_text(text.replace("crop: square", f"crop: {crop}"))
        run = load(folder)
        run.write_model(finished.model, finished.class_names)
        return run

    return copied
