"""What of a pipeline's graph a running job depends on.

A runner can put a new version in the place of a running job only where steps keep their names and
what is on its way, or stored, keeps its form.
"""

from dataclasses import fields
from typing import Any

from apache_beam.coders.coders import deserialize_coder

from schemas import ComparedArticle, Decision, Notice, Sighting
from transforms._shared.records import RecordCoder
from transforms.score.told import Told

# What the logs of the stages that keep state hold; see transforms/_shared/kept.py.
KEPT = (Sighting, ComparedArticle, Decision, Notice, Told)


def describe_graph(proto: Any) -> dict[str, dict[str, list[str]]]:
    """Give the steps of a graph, each with the coders of what comes into it, and what is kept.

    Args:
        proto: the graph in Beam's portable form.
    """
    parts = proto.components
    steps = {}
    for step in parts.transforms.values():
        if not step.subtransforms and step.unique_name:
            names = [parts.pcollections[name].coder_id for name in step.inputs.values()]
            steps[step.unique_name] = sorted(_coder(parts.coders, name) for name in names)
    kept = {record.__name__: [field.name for field in fields(record)] for record in KEPT}
    return {"steps": dict(sorted(steps.items())), "kept": kept}


def _coder(coders: Any, name: str) -> str:
    """Name a coder, with its parts; that of a record with the names of its fields."""
    coder = coders[name]
    if coder.spec.urn == "beam:coder:pickled_python:v1":
        own = deserialize_coder(coder.spec.payload)
        if isinstance(own, RecordCoder):
            record = own.to_type_hint()
            return f"{record.__name__}({', '.join(field.name for field in fields(record))})"
        return type(own).__name__
    kind = coder.spec.urn.split(":")[2]
    inner = ", ".join(_coder(coders, part) for part in coder.component_coder_ids)
    return f"{kind}[{inner}]" if inner else kind
