import pytest
import yaml

from cervix_tf.errors import UserError
from cervix_tf.recipes import for_model, load_recipe, recipe_names, summary_line
from cervix_tf.recipes.recipe_files import keys_once, to_yaml


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipe_loads_and_reads_back(name):
    recipe = load_recipe(name)
    assert load_recipe(yaml.safe_load(to_yaml(recipe))) == recipe
    assert summary_line(name)
    assert "Command: cervix-tf fit" in (open_head(name))


def open_head(name):
    from cervix_tf.recipes.recipe_files import HERE

    return (HERE / f"{name}.yaml").read_text().split("model:")[0]


def test_settings_of_the_report():
    resnet = load_recipe("resnet")
    assert resnet.optimizer.learning_rate == 0.003
    assert (resnet.optimizer.anneal.factor, resnet.optimizer.anneal.every) == (0.4, 100)
    assert sum(s.steps for s in resnet.stages) == 500
    inception = load_recipe("inception")
    assert inception.optimizer.clip_norm == 2
    assert [s.train for s in inception.stages] == ["head", "all"]
    cervixnet2 = load_recipe("cervixnet2")
    assert (cervixnet2.optimizer.name, cervixnet2.optimizer.learning_rate) == ("rmsprop", 0.0012)
    assert cervixnet2.model.options["dropout"] == 0.5


def test_every_model_has_a_recipe():
    from cervix_tf.models import names

    for name in names():
        assert load_recipe(for_model(name)).stages


def test_overrides():
    settings = ["batch_size=8", "model.alpha=0.25", "stages.0.epochs=2", "augment=null"]
    recipe = load_recipe("inception", settings)
    assert recipe.batch_size == 8
    assert recipe.model.options["alpha"] == 0.25
    assert (recipe.stages[0].steps, recipe.stages[0].epochs) == (None, 2)
    assert recipe.augment is None
    assert recipe.stages[0].length(photographs=33, batch_size=8) == 9


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("bath_size=3", "'bath_size': did you mean 'batch_size'"),
        ("optimizer.momentm=1", r"did you mean 'optimizer\.momentum'"),
        ("optimizer.anneal.fator=1", r"did you mean 'optimizer\.anneal\.factor'"),
        ("optimizer.weight_decay=-0.1", r"optimizer\.weight_decay.*received -0\.1"),
        ("optimizer.weight_decay=null", r"optimizer\.weight_decay.*received None"),
        ("stages.0.trainn=all", r"did you mean 'stages\.0\.train'"),
        ("augment.flipp=true", r"did you mean 'augment\.flip'"),
        ("stages.7.steps=1", "'7' is not one of 0 to 1"),
        ("stages.٠.steps=1", "'٠' is not one of 0 to 1"),
        ("batch_size=0", "'batch_size'.*received 0"),
        ("stages=[]", "'stages'"),
        ("stages=[{train: all}]", "give either steps or epochs"),
        ("augment.scale=[2, 1]", "must not be above"),
        ("batch_size", "write KEY=VALUE"),
        ("batch_size=[", "not valid YAML"),
        ("batch_size.x=1", "no key below a single value"),
        ("stages.0.epochs=.inf", r"stages\.0\.epochs.*finite"),
        ("stages.0.steps=1000000000000", r"stages\.0\.steps.*at most 2147483647"),
        ("mixup=.inf", "mixup.*finite.*received inf"),
        ("optimizer.learning_rate=inf", "learning_rate.*finite"),
        ("optimizer.learning_rate=.nan", "learning_rate.*received nan"),
        ("optimizer.learning_rate=1e39", "learning_rate.*finite number in single precision"),
        ("optimizer.learning_rate=1e-60", "learning_rate.*is 0 in single precision"),
        ("augment.scale=[1, .inf]", r"augment\.scale.*finite"),
        ("model.l2=.nan", r"l2.*finite"),
        ("model.widths=[8, .inf]", r"widths.*finite"),
        ("batch_size=true", "batch_size.*should not be true"),
        ("optimizer.learning_rate=yes", "learning_rate.*should not be true"),
        ("stages=[{train: all, steps: true}]", r"stages\.0\.steps.*should not be true"),
        ("augment.scale=[true, 2]", r"augment\.scale.*should not be true"),
        ("augment={flip: true, flip: false}", "'flip' stands twice"),
        ("seed=2020-13-45", "month must be"),
        ("seed=&a [*a]", "nested too deeply, or holds itself"),
        ("seed=" + 5000 * "[", "recursion"),
        ("batch_size=!!bool x", "not valid YAML: a tag such as !!int stands before what is none"),
        ("seed=!!int ''", "not valid YAML: a tag"),
        ("seed=!!timestamp abc", "not valid YAML: a tag"),
        ("model.classes=7", "classes is no option of a network: the photographs tell how many"),
        (
            "model.image_size=64",
            r"a key of the recipe itself: write image_size, not model\.image_size",
        ),
        ("model.batch_size=64", "a key of the recipe itself: write batch_size"),
        ("optimizer=adam", "'optimizer': give its keys, such as name: adam; received 'adam'"),
        ("model=cervixnet2", "'model': give its keys, such as name: cervixnet2"),
        ("augment=3", "'augment': give its keys, such as flip: true"),
        ("optimizer.anneal=0.4", "anneal': give its keys, such as factor: 0.4, every: 100"),
        ("stages.0=all", r"'stages\.0': give its keys, such as train: all, steps: 100"),
        ("stages=all", r"'stages': give all of it, such as stages=\[{train: all, steps: 100}]"),
        ("augment.scale.0=5", r"give all of it, such as augment\.scale=\[0\.9,1\.2]"),
    ],
)
def test_mistakes_are_one_line(setting, message):
    with pytest.raises(UserError, match=message) as caught:
        load_recipe("inception", [setting])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "weight_decay"), [("sgd", 0), ("rmsprop", 0), ("adam", 0), ("adamw", 0.004)]
)
def test_weight_decay_is_the_optimisers_own_or_the_one_given(name, weight_decay):
    recipe = load_recipe("resnet", [f"optimizer.name={name}"])
    assert yaml.safe_load(to_yaml(recipe))["optimizer"]["weight_decay"] == weight_decay
    given = load_recipe("resnet", ["optimizer.weight_decay=0.01", f"optimizer.name={name}"])
    assert given.optimizer.weight_decay == 0.01
    assert load_recipe(yaml.safe_load(to_yaml(given))) == given
    # The recipe of a run from before the key was there.
    keys = yaml.safe_load(to_yaml(recipe))
    del keys["optimizer"]["weight_decay"]
    assert load_recipe(keys) == recipe


def test_files(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml does not exist"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="'incepton': did you mean 'inception'"):
        load_recipe("incepton")
    for text, message in (
        ("[1", "not valid YAML"),
        ("3", "is not a recipe"),
        ("seed: 1", "is missing"),
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(UserError, match=message):
            load_recipe(tmp_path / "bad.yaml")
    (tmp_path / "good.yaml").write_text(to_yaml(load_recipe("resnet")))
    assert load_recipe(tmp_path / "good.yaml") == load_recipe("resnet")


@pytest.mark.parametrize("source", [None, ["cervixnet2"], 3])
def test_what_is_no_recipe_is_called_so(source):
    with pytest.raises(UserError, match="is no recipe: give the name of one"):
        load_recipe(source)


def test_a_recipe_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load_recipe("resnet").seed = 3


def test_a_key_that_stands_twice_in_a_file_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text(
        "model: {name: cervixnet2}\nseed: 1\nseed: 2\nstages: [{train: all, steps: 2}]\n"
    )
    with pytest.raises(UserError, match="the key 'seed' stands twice") as caught:
        load_recipe(path)
    assert "\n" not in str(caught.value)
    path.write_text(path.read_text().replace("seed: 2\n", ""))
    assert load_recipe(path).seed == 1


def test_a_key_has_one_value():
    words = ["seed=1", "batch_size=8", "seed=1"]
    assert keys_once([*words, "6.3", "6.3"]) == ["seed=1", "batch_size=8", "6.3"]
    assert load_recipe("cervixnet2", words).seed == 1
    with pytest.raises(UserError, match="--set seed is given twice, as 1 and as 2: give it once"):
        load_recipe("cervixnet2", [*words, "seed=2"])
