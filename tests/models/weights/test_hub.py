import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cervix_tf import errors, models
from cervix_tf.models.weights import hub

pytestmark = pytest.mark.usefixtures("small")
HANDLE = models.spec("inception").imagenet


@pytest.fixture(scope="module")
def tf2_module(inception_variables, tmp_path_factory):
    """A SavedModel as TensorFlow 2 writes it, its variables keyed by their place in the object."""
    folder = tmp_path_factory.mktemp("hub") / "tf2"
    module = tf.Module()
    module.variables_ = [
        tf.Variable(value, name=name)
        for name, value in inception_variables.items()
        if "Logits" not in name
    ]
    tf.saved_model.save(module, str(folder))
    return folder


@pytest.fixture(scope="module")
def tf1_module(inception_variables, graph_saver, tmp_path_factory):
    """A SavedModel as TensorFlow 1 and its Hub library wrote it."""
    folder = tmp_path_factory.mktemp("hub") / "tf1"

    def write(session):
        builder = tf.compat.v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["train"])
        builder.save()

    graph_saver({f"module/{n}": v for n, v in inception_variables.items()}, write)
    (folder / "tfhub_module.pb").write_bytes(b"\x08\x03")
    return folder


def assert_loaded(inception, model):
    ours = {variable.path: variable.numpy() for variable in inception.weights}
    for variable in model.weights:
        np.testing.assert_array_equal(variable.numpy(), ours[variable.path], err_msg=variable.path)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tf2_module", "tf1_module"])
def test_a_saved_model_is_read(inception, form, request):
    folder = str(request.getfixturevalue(form))
    assert_loaded(inception, models.backbone("inception", image_size=32, weights=folder))


@pytest.mark.slow
def test_imagenet_is_taken_from_the_cache(inception, tf2_module, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    place = tmp_path / hashlib.sha1(HANDLE.encode()).hexdigest()
    place.symlink_to(tf2_module)
    assert hub.resolve(HANDLE) == place == hub.cached_at(HANDLE)
    for weights in ("imagenet", HANDLE):
        assert_loaded(inception, models.backbone("inception", image_size=32, weights=weights))


def test_hub_resnets_are_normalised_as_inception(shaken, write_v2, tmp_path):
    model = shaken(models.backbone("resnet", image_size=32, depth=50))
    prefix = models.save_slim_checkpoint(model, tmp_path / "x.ckpt")
    assert models.build("resnet", image_size=32, depth=50, weights=str(prefix)).get_layer(
        "preprocessing"
    ).offset == [-123.68, -116.78, -103.94]
    reader = tf.train.load_checkpoint(str(prefix))
    (tmp_path / "hub" / "variables").mkdir(parents=True)
    (tmp_path / "hub" / "saved_model.pb").touch()
    values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    write_v2(values, tmp_path / "hub" / "variables" / "variables")
    built = models.build("resnet", image_size=32, depth=50, weights=str(tmp_path / "hub"))
    assert built.get_layer("preprocessing").offset == -1.0


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))

    def no_network(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setattr("tensorflow_hub.resolver.HttpResolverBase._call_urlopen", no_network)
    with pytest.raises(errors.UserError) as caught:
        models.build("inception", weights="imagenet")
    message = str(caught.value)
    assert "\n" not in message
    for part in (HANDLE, str(hub.cached_at(HANDLE)), "TFHUB_CACHE_DIR", "--weights PATH"):
        assert part in message


def test_a_half_emptied_cache_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    hub.cached_at(HANDLE).mkdir()
    (hub.cached_at(HANDLE) / "assets").mkdir()
    with pytest.raises(errors.UserError, match=r"has no saved_model\.pb"):
        hub.resolve(HANDLE)


def member(name: str, size: int = 10, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type = (size if kind == tarfile.REGTYPE else 0), kind
    info.linkname = "/etc/passwd"
    return info


@pytest.fixture
def served(monkeypatch, tmp_path):
    """Answer the download of a module by an archive of these members."""
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "own"))

    def serve(*members):
        archive = io.BytesIO()
        with tarfile.open(mode="w:gz", fileobj=archive) as file:
            for info in members:
                file.addfile(info, io.BytesIO(bytes(info.size)))
        archive.seek(0)
        opened = "tensorflow_hub.resolver.HttpResolverBase._call_urlopen"
        monkeypatch.setattr(opened, lambda *_, **__: archive)
        return hub.resolve(HANDLE)

    return serve


def test_a_module_is_unpacked_into_a_folder_of_the_users_own(served, tmp_path):
    place = served(member("./", 0, tarfile.DIRTYPE), member("./saved_model.pb"), member("a/b", 30))
    assert place == hub.cached_at(HANDLE)
    assert place.is_relative_to(tmp_path / "own")
    assert (place / "saved_model.pb").read_bytes() == bytes(10)
    assert (place / "a/b").stat().st_size == 30


@pytest.mark.parametrize(("wrong", "reason"), [
    (member("/tmp/absolute"), "outside its folder"),
    (member("a/../../above"), "outside its folder"),
    (member("link", 0, tarfile.SYMTYPE), "a link or a device"),
    (member("link", 0, tarfile.LNKTYPE), "a link or a device"),
    (member("pipe", 0, tarfile.FIFOTYPE), "a link or a device"),
    (member("bomb", 30_000_000), "more than 4 GB or 20 times its size"),
    (member("x" * 30_000_000), "more than 4 GB or 20 times its size"),  # in a header
])  # fmt: skip
def test_an_archive_that_is_no_modules_is_refused(served, tmp_path, wrong, reason):
    with pytest.raises(errors.UserError, match=reason) as caught:
        served(member("saved_model.pb"), wrong)
    assert "\n" not in str(caught.value)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not left, "nothing of it is kept"
    assert not Path("/tmp/absolute").exists()


def test_an_archive_of_too_many_members_is_refused(served, monkeypatch):
    monkeypatch.setattr(hub, "MEMBERS", 2)
    with pytest.raises(errors.UserError, match="more than 2 members"):
        served(member("saved_model.pb"), member("a"), member("b"))


def test_a_plain_archive_is_unpacked_and_a_cut_one_refused(tmp_path):
    kept = io.BytesIO()
    with tarfile.open(mode="w", fileobj=kept) as file:
        file.addfile(member("a/b", 3000), io.BytesIO(bytes(3000)))
    hub.unpack(io.BytesIO(kept.getvalue()), str(tmp_path / "plain"))
    assert (tmp_path / "plain/a/b").stat().st_size == 3000
    with pytest.raises(tarfile.ReadError):
        hub.unpack(io.BytesIO(kept.getvalue()[:2000]), str(tmp_path / "cut"))


@pytest.mark.parametrize("handle", ["gs://bucket/module", "gs://b/m.tar.gz", "file:///m", "hf://m"])
def test_only_the_web_is_asked(handle):
    with pytest.raises(errors.UserError, match="begins with https://"):
        hub.resolve(handle)


def test_the_cache_is_the_users_own(served, tmp_path, monkeypatch):
    served(member("saved_model.pb"))
    own = hub.cached_at(HANDLE).parent
    assert own.stat().st_mode & 0o777 == 0o700
    for mode in (0o770, 0o707, 0o1777):
        own.chmod(mode)
        with pytest.raises(errors.UserError, match=r"can be written by other users \(chmod go-w"):
            hub.resolve(HANDLE)
    own.chmod(0o755)
    assert hub.resolve(HANDLE) == hub.cached_at(HANDLE)
    if os.getuid() == 0:
        os.chown(own, 12345, -1)
    else:
        monkeypatch.setattr("os.getuid", lambda: own.stat().st_uid + 1)
    with pytest.raises(errors.UserError, match="belongs to another user"):
        hub.resolve(HANDLE)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "file/cache"))
    (tmp_path / "file").touch()
    with pytest.raises(errors.UserError, match="choose another place"):
        hub.resolve(HANDLE)
