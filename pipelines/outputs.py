"""What ``--output`` names, for a run that goes on: a folder or a BigQuery dataset."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.options import Settings

if TYPE_CHECKING:
    from transforms.write.bigquery.append import Appender
    from transforms.write.bigquery.claim import Claim
    from transforms.write.rounds import RoundStore


class Output(Protocol):
    """Where a run that goes on reads what was there, and adds its rounds."""

    @property
    def name(self) -> str:
        """As messages give it."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where it is on this machine; None when it is not."""
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Keep other runs away, as far as that can be done."""
        ...

    def held(self) -> AbstractContextManager[object]:
        """Keep the stored rows as they are while they are read."""
        ...

    def read_run(self) -> dict[str, Any] | None:
        """Give what its run.json says; None when nothing is there."""
        ...

    def begin_anew(self, overwrite: bool) -> None:
        """Make way for a new output; what counts is removed only to ``overwrite`` it."""
        ...

    def is_being_replaced(self, run: dict[str, Any]) -> bool:
        """Say whether a run was cut off that was to replace it."""
        ...

    def remove_uncommitted(self, run: dict[str, Any]) -> int:
        """Remove what a run that was cut off left; gives the number of files."""
        ...

    def last_round(self, run: dict[str, Any]) -> int:
        """Give the number after which the next round is counted."""
        ...

    def store(self, dim: int, store_text: str) -> "RoundStore":
        """Give what publishes rounds there."""
        ...


def open_output(settings: Settings) -> Output:
    """Open what ``--output`` names.

    Raises:
        ValueError: it names nothing that can be written to.
    """
    from transforms.write.bigquery.dataset import bigquery_dataset
    from transforms.write.output import local_folder

    if bigquery_dataset(settings.output) is None:
        return FolderOutput(settings.output, local_folder(settings.output))
    return dataset_output(settings)


def dataset_output(settings: Settings) -> "DatasetOutput":
    """Open the dataset that ``--output`` names.

    Raises:
        ValueError: the output is no dataset.
    """
    from transforms.write.bigquery.claim import Claim

    appender = appender_of(settings)
    return DatasetOutput(settings.output, appender, Claim(appender.dataset))


def appender_of(settings: Settings) -> "Appender":
    """Give what appends to the dataset of ``--output``, by ``--bigquery_method``.

    Raises:
        ValueError: the output is no dataset.
    """
    from transforms.write.bigquery.append import Appender
    from transforms.write.bigquery.dataset import bigquery_dataset

    dataset = bigquery_dataset(settings.output)
    if dataset is None:
        raise ValueError(f"output {settings.output} is no BigQuery dataset")
    return Appender(dataset, settings.bigquery_method)


@dataclass(frozen=True)
class FolderOutput:
    """A folder of this machine; see ``Output``."""

    name: str
    folder: Path

    def lock(self) -> AbstractContextManager[object]:
        """See ``Output``."""
        from transforms.write.locks import run_lock

        return run_lock(self.folder)

    def held(self) -> AbstractContextManager[object]:
        """See ``Output``."""
        from transforms.write.locks import files_lock

        return files_lock(self.folder)

    def read_run(self) -> dict[str, Any] | None:
        """See ``Output``."""
        from transforms.write.manifest import read_run

        return read_run(self.name)

    def begin_anew(self, overwrite: bool) -> None:
        """See ``Output``; the output is marked as begun until its first run.json is there."""
        from transforms.write.manifest import clear_output, refuse_foreign

        refuse_foreign(self.name)
        clear_output(self.name)

    def is_being_replaced(self, run: dict[str, Any]) -> bool:
        """See ``Output``."""
        from transforms.write.manifest import is_being_replaced

        return is_being_replaced(self.folder, run)

    def remove_uncommitted(self, run: dict[str, Any]) -> int:
        """See ``Output``."""
        from transforms.write.rounds import remove_uncommitted

        return remove_uncommitted(self.folder, run)

    def last_round(self, run: dict[str, Any]) -> int:
        """See ``Output``."""
        return int(run.get("rounds", 0))

    def store(self, dim: int, store_text: str) -> "RoundStore":
        """See ``Output``."""
        from transforms.write.rounds import FolderStore

        return FolderStore(self.name, dim)


@dataclass(frozen=True)
class DatasetOutput:
    """A dataset of BigQuery; see ``Output``. Its tables are there once it is locked."""

    name: str
    appender: "Appender"
    claim: "Claim"
    folder: None = field(default=None, init=False)

    def lock(self) -> AbstractContextManager[object]:
        """See ``Output``; the tables are made, and a run that wrote there finds out."""
        from transforms.write.bigquery.tables import prepare

        prepare(self.appender.dataset)
        self.appender.check()
        self.claim.take()
        return nullcontext()

    def held(self) -> AbstractContextManager[object]:
        """See ``Output``."""
        return nullcontext()

    def read_run(self) -> dict[str, Any] | None:
        """See ``Output``."""
        from transforms.write.bigquery.store import read_runs

        return read_runs(self.appender.dataset)[0]

    def begin_anew(self, overwrite: bool) -> None:
        """See ``Output``; rows that no round counts are left alone."""
        from transforms.write.bigquery.store import clear

        if overwrite:
            clear(self.appender.dataset)

    def is_being_replaced(self, run: dict[str, Any]) -> bool:
        """See ``Output``; the rounds go first, so that there is nothing to go on from then."""
        return False

    def remove_uncommitted(self, run: dict[str, Any]) -> int:
        """See ``Output``; no rows are removed: nobody counts those of a round that was cut off."""
        return 0

    def last_round(self, run: dict[str, Any]) -> int:
        """See ``Output``; no round takes the number of one that was cut off."""
        from transforms.write.bigquery.store import greatest_round

        greatest = greatest_round(self.appender.dataset)
        return greatest if greatest == run.get("rounds") else greatest + 1

    def store(self, dim: int, store_text: str) -> "RoundStore":
        """See ``Output``."""
        from transforms.write.bigquery.store import DatasetStore

        return DatasetStore(self.appender, self.claim, store_text)
