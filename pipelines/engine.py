"""Run a pipeline on the engine the user named, and read its counters."""

import contextlib
import os
import pickle
import shutil
import struct
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.console import say
from pipelines.options import UsageError
from pipelines.progress import Progress
from transforms._shared.counts import reset, snapshot
from transforms.write.output import OutputError

# Beam in 2.77 sends plain DirectRunner to another engine when it can download one; the same
# command must not run on two engines.
_RUNNERS = {"DirectRunner": "FnApiRunner"}

_LENGTH = struct.Struct(">Q")
_JOINS_METRICS = "consolidate_monitoring_infos"

Counters = dict[tuple[str, str], int]


def new_pipeline(runner: str, beam_args: Sequence[str]) -> beam.Pipeline:
    """Make an empty pipeline on the named runner.

    Raises:
        UsageError: Beam does not know the runner or refuses an option's value.
    """
    try:
        options = PipelineOptions([f"--runner={_RUNNERS.get(runner, runner)}", *beam_args])
        pipeline = beam.Pipeline(options=options)
    except (ValueError, ImportError, AttributeError) as error:
        raise UsageError(f"cannot use the runner {runner}: {error}") from error
    # Beam removes its folder only after a run.
    weakref.finalize(pipeline, shutil.rmtree, pipeline.local_tempdir, ignore_errors=True)
    return pipeline


def run(pipeline: beam.Pipeline, show_progress: bool = True, reset_counts: bool = True) -> Counters:
    """Run to the end and return the committed counters by (stage, name).

    Raises:
        OutputError: a worker could not write.
    """
    if reset_counts:
        reset()
    try:
        if show_progress:
            with Progress(snapshot):
                result = pipeline.run()
                result.wait_until_finish()
        else:
            result = pipeline.run()
            result.wait_until_finish()
    except (RuntimeError, OutputError) as error:
        raise _our_error(error) or error from None
    counters: Counters = {}
    for metric in result.metrics().query()["counters"]:
        name = metric.key.metric
        counters[name.namespace, name.name] = (
            counters.get((name.namespace, name.name), 0) + metric.committed
        )
    return counters


@contextlib.contextmanager
def bounded_metrics() -> Iterator[None]:
    """Keep the in-process engine from holding on to the metrics of every bundle.

    It joins them lazily, so that a run of many bundles grows by 20 to 30 KB with each, and would
    break on the depth of it in the end. Here they are joined at once, and copied, because a
    message keeps alive the whole answer it came in. Where a later Beam has no such place, nothing
    is done, and a line says so.
    """
    from apache_beam.runners.portability.fn_api_runner import fn_runner

    original = getattr(fn_runner, _JOINS_METRICS, None)
    if original is None:
        say("this version of Beam keeps metrics in another way: watch the memory of long runs")
        yield
        return

    def at_once(infos: Iterable[Any]) -> list[Any]:
        return [type(info).FromString(info.SerializeToString()) for info in original(infos)]

    setattr(fn_runner, _JOINS_METRICS, at_once)
    try:
        yield
    finally:
        setattr(fn_runner, _JOINS_METRICS, original)


class Collected:
    """The elements of a PCollection, readable after the run.

    They travel through a temporary file, because a worker may be another process of this
    machine. The file goes when this object goes, whether the pipeline ran or not.
    """

    def __init__(self, values: beam.PCollection, label: str) -> None:
        handle, self._path = tempfile.mkstemp(prefix="newsevents-", suffix=".pickle")
        os.close(handle)
        weakref.finalize(self, _remove, self._path)
        # Not as a side input: in a run of rounds the engine gives those again with every round.
        _ = values | f"{label}Store" >> beam.Map(_append, self._path)

    def read(self) -> list[Any]:
        """Return the values in no particular order."""
        values = []
        with open(self._path, "rb") as file:
            while head := file.read(_LENGTH.size):
                values.append(pickle.loads(file.read(*_LENGTH.unpack(head))))
        return values


def _append(value: Any, path: str) -> None:
    data = pickle.dumps(value, protocol=5)
    with open(path, "ab", buffering=0) as file:  # one write, so that workers do not mix theirs
        file.write(_LENGTH.pack(len(data)) + data)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _our_error(error: BaseException) -> OutputError | None:
    """Find the OutputError that Beam wrapped into an error of its own."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OutputError):
            return OutputError(str(seen).split(" [while running")[0])
        seen = seen.__cause__ or seen.__context__
    for line in reversed(str(error).splitlines()):  # from a worker process only text comes back
        name, colon, message = line.partition(": ")
        if colon and name.rpartition(".")[2] == OutputError.__name__:
            return OutputError(message.split(" [while running")[0])
    return None
