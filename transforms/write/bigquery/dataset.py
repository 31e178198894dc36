"""The name of a BigQuery dataset, as ``--output`` gives it."""

import re
from dataclasses import dataclass

SCHEME = "bigquery:"
_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")  # domain: is of old
_NAME = re.compile(r"[A-Za-z0-9_]{1,1024}")


@dataclass(frozen=True)
class Dataset:
    """A dataset of a project."""

    project: str
    name: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.project}.{self.name}"

    def table(self, name: str) -> str:
        """Give the full name of a table, as SQL takes it between backticks."""
        return f"{self.project}.{self.name}.{name}"


def bigquery_dataset(output: str) -> Dataset | None:
    """Read ``bigquery:project.dataset``; None for anything that does not begin so.

    Raises:
        ValueError: it begins so, but is no such name.
    """
    if not output.startswith(SCHEME):
        return None
    project, dot, name = output.removeprefix(SCHEME).rpartition(".")
    if not dot or not _PROJECT.fullmatch(project) or not _NAME.fullmatch(name):
        raise ValueError(
            f"output {output}: write it as {SCHEME}project.dataset (a project id of 6 to 30 small "
            "letters, digits and hyphens; a dataset of letters, digits and underscores)"
        )
    return Dataset(project, name)
