"""Where the files of the deployment are, and what reads them."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATAFLOW = ROOT / "deploy" / "dataflow"


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def check_image():
    return loaded(DATAFLOW / "check_image.py")


@pytest.fixture(scope="session")
def cost():
    return loaded(DATAFLOW / "cost.py")


@pytest.fixture(scope="session")
def dockerfile():
    return (DATAFLOW / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def stages(check_image, dockerfile):
    return check_image.read_stages(dockerfile)[1]


@pytest.fixture(scope="session")
def metadata():
    return json.loads((DATAFLOW / "metadata.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def readme():
    return (DATAFLOW / "README.md").read_text(encoding="utf-8")
