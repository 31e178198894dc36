"""What of a pipeline's graph a running job depends on.

A runner can put a new version in the place of a running job only where steps keep their names and
what is on its way, or stored, keeps its form.
"""

from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from apache_beam.coders.coders import deserialize_coder
from apache_beam.portability.api import beam_runner_api_pb2 as api

from schemas import ComparedArticle, Decision, Notice, Sighting
from transforms._shared.records import RecordCoder
from transforms.score.told import Told

# What the logs of the stages that keep state hold; see transforms/_shared/kept.py.
KEPT = (Sighting, ComparedArticle, Decision, Notice, Told)
_PARDO = "beam:transform:pardo:v1"


def describe_graph(proto: Any) -> dict[str, Any]:
    """Give the steps of a graph, each with the coders of what comes into it and the names of its
    state and timers, and the records that are on their way or kept, with their fields.

    Args:
        proto: the graph in Beam's portable form.
    """
    parts = proto.components
    steps: dict[str, dict[str, list[str]]] = {}
    records: set[type] = set(KEPT)
    for step in parts.transforms.values():
        if not step.subtransforms and step.unique_name:
            names = [parts.pcollections[name].coder_id for name in step.inputs.values()]
            coders = sorted(_coder(parts.coders, name, records) for name in names)
            steps[step.unique_name] = {"takes": coders, "keeps": _state(step)}
    known = {record.__name__: _fields(record) for record in _with_parts(records)}
    return {"steps": dict(sorted(steps.items())), "records": dict(sorted(known.items()))}


def _state(step: Any) -> list[str]:
    if step.spec.urn != _PARDO:
        return []
    payload = api.ParDoPayload.FromString(step.spec.payload)
    kinds = [f"{n} {spec.protocol.urn}" for n, spec in payload.state_specs.items()]
    return sorted([*kinds, *(f"timer {name}" for name in payload.timer_family_specs)])


def _coder(coders: Any, name: str, records: set[type]) -> str:
    """Name a coder, with its parts; notes the records among them."""
    coder = coders[name]
    if coder.spec.urn == "beam:coder:pickled_python:v1":
        own = deserialize_coder(coder.spec.payload)
        if isinstance(own, RecordCoder):
            records.add(own.to_type_hint())
            return own.to_type_hint().__name__
        return type(own).__name__
    kind = coder.spec.urn.split(":")[2]
    inner = ", ".join(_coder(coders, part, records) for part in coder.component_coder_ids)
    return f"{kind}[{inner}]" if inner else str(kind)


def _with_parts(records: set[type]) -> set[type]:
    """Add the records that records hold, at any depth."""
    found: set[type] = set()
    waiting = list(records)
    while waiting:
        record = waiting.pop()
        if record not in found:
            found.add(record)
            waiting += [p for hint in get_type_hints(record).values() for p in _records_in(hint)]
    return found


def _records_in(hint: Any) -> list[type]:
    if isinstance(hint, type) and is_dataclass(hint):
        return [hint]
    return [record for part in get_args(hint) for record in _records_in(part)]


def _fields(record: type) -> list[str]:
    return [
        f"{field.name}: {getattr(field.type, '__name__', field.type)}" for field in fields(record)
    ]
