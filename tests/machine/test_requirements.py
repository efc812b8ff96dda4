import importlib.metadata
from email.message import Message
from types import SimpleNamespace

import pytest

from cervix_tf.machine import requirements

NEEDS = {
    "cervix-tf": [
        "numpy>=2.1", "pandas>=3.0", 'pywin32>=1; sys_platform == "win32"', 'lonely>=1; extra == "audit"',
        'nested[inner]>=2; extra == "gpu"', 'numpy>=2; extra == "here"',
    ],
    "nested": ['far-away>=1; extra == "inner"', "numpy"],
}  # fmt: skip


@pytest.fixture
def installed(monkeypatch):
    """What is installed, by name; taken from and added to by a test."""
    versions = {"cervix-tf": "0.1.0", "numpy": "2.3", "pandas": "3.0", "nested": "2.0"}

    def version(name):
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    def metadata(name):
        version(name)
        message = Message()
        for extra in ("audit", "gpu", "here"):
            message["Provides-Extra"] = extra
        return message

    fake = SimpleNamespace(
        version=version,
        metadata=metadata,
        requires=NEEDS.get,
        PackageNotFoundError=importlib.metadata.PackageNotFoundError,
    )
    monkeypatch.setattr(requirements.importlib, "metadata", fake)
    return versions


def test_what_is_needed_is_there_in_the_version_needed(installed):
    found = {finding.name: finding for finding in requirements.packages()}
    assert list(found) == ["Python", "cervix-tf", "numpy", "pandas"]
    assert not any(finding.broken for finding in found.values())
    installed["numpy"] = "1.26"
    del installed["pandas"]
    found = {finding.name: finding for finding in requirements.packages()}
    assert found["numpy"][2:] == (
        "1.26, and >=2.1 is needed", 'pip install "numpy>=2.1"', True
    )  # fmt: skip
    assert found["pandas"][2:] == ("not installed", 'pip install "pandas>=3.0"', True)


def test_an_extra_lacks_what_its_packages_extras_lack(installed):
    found = {finding.name: finding for finding in requirements.extras()}
    assert found["here"].says == "installed"
    assert found["audit"][2:4] == ("without lonely", 'pip install "cervix-tf[audit]"')
    assert found["gpu"].says == "without far-away"
    installed["far-away"] = "1.5"
    assert {finding.name: finding.says for finding in requirements.extras()}["gpu"] == "installed"


def test_a_package_that_is_not_installed_breaks_nothing(installed):
    del installed["cervix-tf"]
    assert [finding.broken for finding in requirements.packages()] == [False, False]
    assert requirements.extras() == []
