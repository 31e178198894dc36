"""Beam's own worker process, started as root through the script that gives root up."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

WRAPPER = Path(__file__).parents[2] / "deploy" / "dataflow" / "unprivileged_python.sh"
SYSTEM = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"

PIPELINE = """
import os, sys
import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

def who(_):
    import os
    status = open("/proc/self/status").read()
    return f"{os.getuid()} {status.split('CapEff:')[1].split()[0]}"

worker = SubprocessSDKEnvironment(
    command_string=f"/bin/sh {sys.argv[1]} -m apache_beam.runners.worker.sdk_worker_main"
)
with beam.Pipeline(runner=FnApiRunner(default_environment=worker)) as pipeline:
    pipeline | beam.Create([1]) | beam.Map(who) | beam.io.WriteToText(sys.argv[2])
print(os.getuid())
"""


@pytest.mark.slow
def test_the_worker_works_as_a_user_without_rights_although_it_is_started_as_root():
    if os.geteuid() != 0 or not shutil.which("setpriv") or not Path(SYSTEM).exists():
        pytest.skip("needs root, setpriv and a python that every user may run")
    folder = Path("/var/tmp") / f"newsevents-harness-{os.getpid()}"  # noqa: S108
    packages = sysconfig.get_path("purelib")
    try:
        folder.mkdir()
        folder.chmod(0o777)
        (folder / "python").write_text(f'#!/bin/sh\nexec {SYSTEM} -S "$@"\n')
        (folder / "python").chmod(0o755)
        (folder / "wrapper.sh").write_bytes(WRAPPER.read_bytes())
        variables = {
            "PATH": "/usr/bin:/bin", "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1",
            "REAL_PYTHON": str(folder / "python"), "HOME": str(folder),
        }  # fmt: skip
        as_user = ["sh", folder / "wrapper.sh", "-c", "import apache_beam"]
        if subprocess.run(as_user, env=variables, cwd=folder, capture_output=True).returncode:
            pytest.skip("other users cannot read the packages here")
        done = subprocess.run(
            [folder / "python", "-c", PIPELINE, folder / "wrapper.sh", folder / "who"],
            env=variables, cwd=folder, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout == "0\n"
        (written,) = folder.glob("who-*")
        assert written.read_text() == "65532 0000000000000000\n"
        assert written.stat().st_uid == 65532
    finally:
        shutil.rmtree(folder)
