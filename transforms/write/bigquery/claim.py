"""Who writes to a dataset: the run that came last, told apart by a label of the table ``runs``."""

import secrets
from dataclasses import dataclass, field

from schemas.tables import RUNS
from transforms.write.bigquery.client import explained, query_client
from transforms.write.bigquery.dataset import Dataset
from transforms.write.output import OutputError

_LABEL = "writer"
_ATTEMPTS = 5


@dataclass(frozen=True)
class Claim:
    """The right of one run to write to a dataset; it lasts until another run takes it."""

    dataset: Dataset
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def take(self) -> None:
        """Take the right, whoever had it: that run may be long dead.

        Raises:
            OutputError: the table cannot be changed.
        """
        from google.api_core.exceptions import PreconditionFailed

        client = query_client(self.dataset.project)
        with explained(self.dataset, "claim it"):
            for attempt in range(_ATTEMPTS):
                table = client.get_table(self.dataset.table(RUNS.name))
                table.labels = {**table.labels, _LABEL: self.token}
                try:
                    client.update_table(table, ["labels"])  # only if nobody changed it meanwhile
                    return
                except PreconditionFailed:
                    if attempt == _ATTEMPTS - 1:
                        raise

    def check(self) -> None:
        """Make sure that no other run took the right.

        Raises:
            OutputError: one did.
        """
        with explained(self.dataset, "look who writes to it"):
            table = query_client(self.dataset.project).get_table(self.dataset.table(RUNS.name))
        if table.labels.get(_LABEL) != self.token:
            raise OutputError(
                f"{self.dataset}: another run writes there now: let one run at a time write there; "
                "what this one had not finished does not count"
            )
