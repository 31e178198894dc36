"""How a stage that groups articles lets notices about articles pass."""

from collections.abc import Callable
from typing import Any

import apache_beam as beam

from schemas import Notice


def around(
    items: beam.PCollection,
    record: type,
    stage: Callable[[beam.PCollection], beam.PCollection],
) -> beam.PCollection:
    """Apply a bounded stage to all but the notices, and give those beside what it gives.

    Only for a bounded run: of a run that goes on nothing would come out of the Flatten before
    its end. There each DoFn hands them on.
    """
    records, notices = (
        items | f"Keep{kind.__name__}s" >> beam.Filter(isinstance, kind).with_output_types(kind)
        for kind in (record, Notice)
    )
    done: Any = stage(records)
    return (done, notices) | "WithNotices" >> beam.Flatten()
