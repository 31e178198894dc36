"""Run a pipeline on the engine the user named, and read its counters."""

import atexit
import contextlib
import functools
import gc
import pickle
import secrets
import shutil
import struct
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import apache_beam as beam
import grpc
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.worker import statesampler

from pipelines.console import say
from pipelines.options import UsageError
from pipelines.progress import Progress
from transforms._shared.counts import reset, snapshot
from transforms.embed.model import ModelError
from transforms.write.output import OutputError

# Beam in 2.77 sends plain DirectRunner to another engine when it can download one; the same
# command must not run on two engines.
_RUNNERS = {"DirectRunner": "FnApiRunner"}

_LENGTH = struct.Struct(">Q")
_STORE = "collected"  # namespace of the counters that say how many values there should be
_STORED = ".pickles"  # ends the name of a file that is whole
_PICKLES = "application/octet-stream"
_JOINS_METRICS = "consolidate_monitoring_infos"
_SAMPLING_MS = 10  # between two looks at what a stage is doing; Beam's own 200

Counters = dict[tuple[str, str], int]
_View = TypeVar("_View", bound=PipelineOptions)


class _Options(PipelineOptions):  # type: ignore[misc]
    """Beam's options, parsed once for each class of them: Beam asks a thousand times a pipeline.

    Views share their values, so what is set in one is seen in the one that is kept too.
    """

    def view_as(self, cls: type[_View]) -> _View:
        views: dict[type, Any] = self.__dict__.setdefault("_views", {})  # other names are options
        if cls not in views:
            views[cls] = super().view_as(cls)
        view: _View = views[cls]
        return view


def new_pipeline(runner: str, beam_args: Sequence[str]) -> beam.Pipeline:
    """Make an empty pipeline on the named runner.

    The first of a process takes what is there before it from the garbage collector: modules, of
    which each full collection would go over some 300,000 objects.

    Raises:
        UsageError: Beam does not know the runner or refuses an option's value.
    """
    if not gc.get_freeze_count():
        gc.freeze()
        atexit.register(gc.unfreeze)  # libraries say they leak what is never collected
    try:
        options = _Options([f"--runner={_RUNNERS.get(runner, runner)}", *beam_args])
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
        ModelError: the model cannot be loaded, or not run as asked.
        KeyboardInterrupt: also when it came while a stage was at work.
        UsageError: the runner's job server cannot be reached, or refuses the pipeline.
    """
    if reset_counts:
        reset()
    try:
        progress = Progress(snapshot) if show_progress else contextlib.nullcontext()
        with _prompt_ends(), progress:
            result = _start(pipeline)
            result.wait_until_finish()
    except (RuntimeError, OutputError) as error:
        if str(error).startswith(KeyboardInterrupt.__name__):  # as Beam wraps it
            raise KeyboardInterrupt from None
        raise _our_error(error) or error from None
    except ModelError as error:
        raise type(error)(_plain(str(error))) from None
    counters = counters_of(result)
    for collected in _COLLECTED.get(pipeline, ()):
        there = collected()
        if there is not None:
            there.expect(counters)
    return counters


def _start(pipeline: beam.Pipeline) -> Any:
    """Hand the pipeline to its runner; those with a job server give a result at once."""
    if not isinstance(pipeline.runner, PortableRunner):
        return pipeline.run()
    try:
        return pipeline.run()
    except (OSError, RuntimeError, ValueError, grpc.FutureTimeoutError, grpc.RpcError) as error:
        words = str(error).strip().partition("\n")[0] or "no answer in time"
        raise UsageError(
            f"cannot hand the run to a job server: {words} (--job_endpoint, --flink_master)"
        ) from error


def counters_of(result: Any) -> Counters:
    """Add up the counters of a run by (stage, name).

    Flink does not tell what was committed, only what was attempted by the attempts that it kept.
    """
    counters: Counters = {}
    for metric in result.metrics().query()["counters"]:
        name = metric.key.metric
        value = metric.attempted if metric.committed is None else metric.committed
        counters[name.namespace, name.name] = counters.get((name.namespace, name.name), 0) + value
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


@contextlib.contextmanager
def _prompt_ends() -> Iterator[None]:
    """Let a stage end at once in the in-process engine.

    There each stage waits at its end for the thread that samples what it does, so for as long as
    that thread sleeps: up to a fifth of the time that the stage took, and of a second.
    """
    original = statesampler.StateSampler
    statesampler.StateSampler = functools.partial(original, sampling_period_ms=_SAMPLING_MS)
    try:
        yield
    finally:
        statesampler.StateSampler = original


class Collected:
    """The elements of a PCollection, readable after the run.

    They travel through files, one for each bundle, because a worker may be another process or run
    on another machine: below Beam's ``--temp_location`` when that is given, which this machine and
    all workers must reach, else in a temporary folder of this machine. The files go when this
    object goes, whether the pipeline ran or not.
    """

    def __init__(self, values: beam.PCollection, label: str) -> None:
        self._folder = _folder_for(values.pipeline)
        self._label = label
        self._expected = 0
        weakref.finalize(self, _remove, self._folder)
        _COLLECTED.setdefault(values.pipeline, []).append(weakref.ref(self))
        # Not as a side input: in a run of rounds the engine gives those again with every round.
        _ = values | f"{label}Store" >> beam.ParDo(_Store(self._folder, label))

    def read(self) -> list[Any]:
        """Return the values in no particular order.

        Raises:
            OutputError: workers stored some where this machine does not see them.
        """
        values = []
        (found,) = FileSystems.match([FileSystems.join(self._folder, f"*{_STORED}")])
        for metadata in found.metadata_list:
            with FileSystems.open(metadata.path, _PICKLES, CompressionTypes.UNCOMPRESSED) as file:
                while head := file.read(_LENGTH.size):
                    values.append(pickle.loads(file.read(*_LENGTH.unpack(head))))
        if len(values) < self._expected:
            raise OutputError(
                f"{self._expected - len(values):,} of {self._expected:,} results stayed with the "
                "workers: give --temp_location a folder that they and this machine share"
            )
        return values

    def expect(self, counters: Counters) -> None:
        """Take out of a run's counters how many values there should be."""
        self._expected = counters.pop((_STORE, self._label), 0)


# What is collected of a pipeline that may run yet.
_COLLECTED: weakref.WeakKeyDictionary[beam.Pipeline, list[weakref.ref[Collected]]] = (
    weakref.WeakKeyDictionary()
)


class _Store(beam.DoFn):  # type: ignore[misc]
    """Write the values of each bundle into a file of its own, which is there as a whole or not."""

    def __init__(self, folder: str, label: str) -> None:
        self._folder = folder
        self._stored = Metrics.counter(_STORE, label)
        self._file: Any = None
        self._path = ""

    def start_bundle(self) -> None:
        self._file = None

    def process(self, value: Any) -> None:
        data = pickle.dumps(value, protocol=5)
        with _telling(self._folder):
            if self._file is None:
                self._open()
            self._file.write(_LENGTH.pack(len(data)) + data)
        self._stored.inc()

    def finish_bundle(self) -> None:
        if self._file is not None:
            with _telling(self._folder):
                self._file.close()
                FileSystems.rename([self._path], [self._path + _STORED])
            self._file = None

    def _open(self) -> None:
        with contextlib.suppress(OSError):  # it is there; if not, the file says why
            FileSystems.mkdirs(self._folder)
        self._path = FileSystems.join(self._folder, secrets.token_hex(16))
        self._file = FileSystems.create(self._path, _PICKLES, CompressionTypes.UNCOMPRESSED)


@contextlib.contextmanager
def _telling(folder: str) -> Iterator[None]:
    """Say in one line what could not be written."""
    try:
        yield
    except OSError as error:
        cause = error.strerror or error
        raise OutputError(
            f"cannot write {folder}: {cause}: choose another --temp_location"
        ) from error


def _folder_for(pipeline: beam.Pipeline) -> str:
    shared = pipeline.options.view_as(GoogleCloudOptions).temp_location
    if not shared:
        return tempfile.mkdtemp(prefix="newsevents-")
    return str(FileSystems.join(shared, f"newsevents-{secrets.token_hex(8)}"))


def _remove(folder: str) -> None:
    if FileSystems.get_scheme(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        FileSystems.delete([f"{folder}/"])  # a bucket knows a folder by its last character only


def _our_error(error: BaseException) -> OutputError | None:
    """Find the OutputError that Beam wrapped into an error of its own."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OutputError):
            return OutputError(_plain(str(seen)))
        seen = seen.__cause__ or seen.__context__
    for line in reversed(str(error).splitlines()):  # from a worker process only text comes back
        name, colon, message = line.partition(": ")
        if colon and name.rpartition(".")[2] == OutputError.__name__:
            return OutputError(_plain(message))
    return None


def _plain(message: str) -> str:
    """Leave out the step that Beam names."""
    return message.partition(" [while running")[0]
