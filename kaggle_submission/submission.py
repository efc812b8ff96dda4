"""Write submission.csv in a Kaggle kernel without internet.

Everything comes from what is attached under /kaggle/input, wherever it lies there:

- the competition's photographs, and unpacked stage 2 photographs in a folder `test_stg2`, if any;
- wheels of cervix-tf and of what it needs, if the kernel does not have them;
- ensembles and runs, folders that `cervix-tf crossfit` and `fit` wrote: their predictions are
  averaged. Where there is none, an ensemble is trained first: FOLDS runs by RECIPE from WEIGHTS.

The rows are those of the competition's sample_submission.csv (stage 1: 512, stage 2: 4,018); where
several lie there, SAMPLE chooses.
"""

import argparse
import glob
import logging
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

RECIPE = "inception"  # a recipe of `cervix-tf recipes`, used where no run is attached
FOLDS = 5  # runs of the ensemble that is trained then
WEIGHTS = ""  # a file under /kaggle/input (its name is enough), "none", or "" for the recipe's own
SETTINGS: list[str] = []  # such as "batch_size=16", as `cervix-tf fit --set` takes them
SAMPLE = ""  # part of the path of the sample to follow, such as "stg2"
VIEWS = 8  # turned and mirrored views a photograph, 1 to 8


def main() -> None:
    """Find what is attached, install, train if need be, predict, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, default=Path("/kaggle/input"))
    parser.add_argument("--working", type=Path, default=Path("/kaggle/working"))
    parser.add_argument("--recipe", default=RECIPE)
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--weights", default=WEIGHTS)
    parser.add_argument("--set", dest="settings", action="append", default=SETTINGS)
    parser.add_argument("--sample", default=SAMPLE)
    parser.add_argument("--views", type=int, default=VIEWS)
    chosen = parser.parse_args()
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("cervix_tf").setLevel(logging.INFO)
    install(chosen.input)
    from cervix_tf import UserError

    try:
        submit(chosen)
    except UserError as error:
        fail(error)


def fail(error: object) -> NoReturn:
    """End with one line and exit code 2, as cervix-tf does."""
    print(f"Error: {error}", file=sys.stderr)
    sys.exit(2)


def install(attached: Path) -> None:
    """Install the package from attached wheels, unless it can be imported already."""
    try:
        import cervix_tf  # noqa: F401
    except ImportError:
        wheels = sorted(attached.rglob("cervix_tf-*.whl"))
        if not wheels:
            fail(f"no cervix_tf-*.whl under {attached}: attach the dataset of wheels.")
        here = ["--no-index", "--find-links", str(wheels[-1].parent)]
        pip = [sys.executable, "-m", "pip", "install", "-q", *here, wheels[-1]]
        if subprocess.run(pip).returncode:
            fail(f"{wheels[-1]} was not installed, as pip says above: attach the wheels it lacks.")


def submit(chosen: argparse.Namespace) -> None:
    """Predict the test photographs with what is attached, or with an ensemble trained here, and write."""
    import cervix_tf as cx

    data = competition(chosen.input)
    sample = sample_file(chosen.input, chosen.sample)
    test = test_photographs(chosen.input, data, sample)
    ensembles = {path.parent for path in chosen.input.rglob("crossfit.json")}
    singles = {path.parent for path in chosen.input.rglob("model.keras")}
    # The runs of an ensemble count through it, calibrated.
    runs = sorted(ensembles | {run for run in singles if not ensembles & set(run.parents)})
    if not runs:
        runs = [trained(chosen, data)]
    names = ", ".join(run.name for run in runs)
    print(f"{len(test)} test photographs, runs: {names}", flush=True)
    table = cx.inference.predict(runs, test, tta=chosen.views, cache="memory")
    path = cx.inference.write_submission(table, chosen.working / "submission.csv", sample=sample)
    print(f"{len(table)} rows in {path}")


def competition(attached: Path) -> Path:
    """The folder that holds train/Type_1, or train/train/Type_1."""
    from cervix_tf import UserError
    from cervix_tf.data.kaggle.folders import find_root

    for folder in sorted(path.parent for path in attached.rglob("train")):
        root = find_root(folder)
        if root is not None:
            return root
    raise UserError(f"No train/Type_1 under {attached}: attach the competition's data.")


def sample_file(attached: Path, part: str) -> Path | None:
    """The sample submission to follow; None where none is attached."""
    from cervix_tf import UserError

    found = sorted(attached.rglob("sample_submission*.csv"))
    matching = [path for path in found if part in str(path.relative_to(attached))]
    if part and not matching:
        raise UserError(f"No sample_submission*.csv under {attached} has {part!r} in its path.")
    if len(matching) > 1:
        names = ", ".join(str(path.relative_to(attached)) for path in matching)
        raise UserError(f"Several samples are attached: {names}. Choose one by SAMPLE.")
    return matching[0] if matching else None


def test_photographs(attached: Path, data: Path, sample: Path | None):
    """A manifest of the test photographs: those of the sample, or all."""
    import pandas as pd

    import cervix_tf as cx
    from cervix_tf.data.tables import read_table

    kaggle = cx.data.read_kaggle(data)
    test = kaggle[kaggle["split"] == "test"]
    if not (test["source"] == "test_stg2").any():  # perhaps attached as a dataset of its own
        for folder in sorted(attached.rglob("test_stg2")):
            second = cx.data.read_manifest(folder, labelled=False)
            test = pd.concat([test, second.assign(source="test_stg2")])
            break
    if sample is not None:
        table = read_table(sample)
        if "image_name" not in table:
            raise cx.UserError(f"{sample} has no column 'image_name'.")
        wanted = table["image_name"]
        absent = wanted[~wanted.isin(test["image"])]
        if len(absent):
            raise cx.UserError(
                f"{len(absent)} photographs of {sample.name}, such as {absent.iloc[0]}, are not "
                "attached: unpack test_stg2.7z and attach it as a dataset with the folder test_stg2."
            )
        test = test[test["image"].isin(wanted)]
    return test.assign(label=None).reset_index(drop=True)


def weights_file(attached: Path, name: str) -> str:
    """The attached file of that name; a whole path, and "none", stay as they are."""
    from cervix_tf import UserError

    if name == "none" or Path(name).is_absolute():
        return name
    found = sorted(attached.rglob(glob.escape(name)))
    if not found:
        raise UserError(f"No {name} under {attached}: attach the weights.")
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(attached)) for path in found)
        raise UserError(f"Several {name} are attached: {names}. Choose one by more of its path.")
    return str(found[0])


def trained(chosen: argparse.Namespace, data: Path) -> Path:
    """Train an ensemble in the working folder, or go on with one that was killed."""
    import cervix_tf as cx
    from cervix_tf.recipes import load_recipe

    settings = list(chosen.settings)
    if chosen.weights:
        settings.append(f"model.weights={weights_file(chosen.input, chosen.weights)}")
    manifest = cx.data.read_kaggle(data, drop_known_faults=True)
    manifest = manifest[manifest["split"] != "test"].reset_index(drop=True)
    recipe = load_recipe(chosen.recipe, settings)
    ensemble = chosen.working / "ensemble"
    cx.crossfit(manifest, recipe, ensemble, chosen.folds, cache=chosen.working / "cache")
    return ensemble


if __name__ == "__main__":
    main()
