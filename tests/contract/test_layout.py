"""The shape of the project: which folders there are, and who may import whom."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import transforms

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "transforms", "pipelines")
STAGES = (
    "read", "parse", "identify", "fetch", "extract", "normalise", "embed", "dedupe", "cluster",
    "score", "write",
)  # fmt: skip
SHARED_WITH_BEAM = {f"transforms/_shared/{name}.py" for name in ("counts", "notices", "records")}


def python_files(*folders):
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return [path.relative_to(ROOT) for path in found]


def imported_modules(source):
    """Name every module a file imports, at any depth of nesting."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module
            # "from transforms import read" imports transforms.read
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_of(path):
    return set(imported_modules((ROOT / path).read_text(encoding="utf-8")))


def belongs_to(module, package):
    return module == package or module.startswith(f"{package}.")


def uses(path, package):
    return any(belongs_to(module, package) for module in imports_of(path))


def stage_of(path):
    return path.parts[1] if path.parts[0] == "transforms" and len(path.parts) > 2 else ""


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import a.b as c", {"a.b"}),
        ("from a import b", {"a", "a.b"}),
        ("def f():\n    import a", {"a"}),
        ("if X:\n    from a.b import c", {"a.b", "a.b.c"}),
    ],
)
def test_imports_are_found_wherever_they_hide(source, modules):
    assert set(imported_modules(source)) == modules


def test_there_is_one_folder_per_stage_and_nothing_else():
    folders = {path.parent.name for path in (ROOT / "transforms").glob("*/__init__.py")}
    assert folders == {*STAGES, "_shared"}


def test_readme_lists_the_stages_in_flow_order():
    text = (ROOT / "transforms" / "README.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `(\w+)` \|", text, flags=re.M)) == STAGES


def test_package_exports_one_transform_per_stage_in_flow_order():
    exported = [getattr(transforms, name) for name in transforms.__all__]
    assert [item.__module__ for item in exported] == [f"transforms.{s}.transform" for s in STAGES]


def reject_reasons(source):
    """Name the reasons that a file gives to RejectError as plain text."""
    for node in ast.walk(ast.parse(source)):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id == "RejectError":
            reason = node.args[0]
            if isinstance(reason, ast.Constant):
                yield reason.value


@pytest.mark.parametrize("stage", STAGES)
def test_readme_names_every_reject_reason(stage):
    text = (ROOT / "transforms" / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^\| `{stage}` \|.*$", text, flags=re.M)
    for path in python_files(f"transforms/{stage}"):
        for reason in reject_reasons((ROOT / path).read_text(encoding="utf-8")):
            assert f"`{reason}`" in line, f"{path}: add {reason} to transforms/README.md"


@pytest.mark.parametrize("stage", STAGES)
def test_stage_has_its_tests(stage):
    assert list((ROOT / "tests" / stage).glob("test_*.py"))


def test_only_the_transform_of_a_stage_imports_beam():
    with_beam = {path for path in python_files("transforms") if uses(path, "apache_beam")}
    strange = {
        path.as_posix()
        for path in with_beam
        if not (stage_of(path) in STAGES and path.name == "transform.py" and len(path.parts) == 3)
    }
    assert strange <= SHARED_WITH_BEAM


def test_no_stage_imports_another():
    for path in python_files("transforms"):
        for stage in STAGES:
            if stage_of(path) not in ("", stage):
                assert not uses(path, f"transforms.{stage}"), f"{path} imports {stage}"


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("schemas", ("transforms", "pipelines", "apache_beam")),
        ("transforms", ("pipelines",)),
    ],
)
def test_imports_point_one_way(package, forbidden):
    for path in python_files(package):
        for other in (*forbidden, "tests", "benchmarks"):
            assert not uses(path, other), f"{path} imports {other}"


def test_files_that_import_beam_keep_their_annotations():
    # Beam reads annotations at run time; as strings every element type would become Any.
    for path in python_files(*PACKAGES):
        if uses(path, "apache_beam"):
            assert "__future__.annotations" not in imports_of(path), path


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("schemas", ("apache_beam", "pyarrow", "torch", "numpy")),
        ("schemas.tables", ("apache_beam", "pyarrow", "torch", "numpy")),
        ("pipelines", ("torch", "sentence_transformers")),
        ("transforms", ("torch", "sentence_transformers")),
    ],
)
def test_import_stays_cheap(module, unwanted):
    program = f"import sys, {module}; print([m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_our_package_names_belong_to_this_distribution_alone():
    providers = importlib.metadata.packages_distributions()
    if "newsevents" not in {name for names in providers.values() for name in names}:
        pytest.skip("newsevents is not installed in this environment")
    assert [sorted(set(providers.get(name, []))) for name in PACKAGES] == [["newsevents"]] * 3


def test_tests_are_no_packages():
    assert not list((ROOT / "tests").rglob("__init__.py"))
