"""A provider for Terraform that knows argument names and types and does nothing.

Terraform asks it for its schema as it would the real one, and then checks our files itself: names,
types, blocks, references, conditions. The schema comes from a JSON file beside this one, which
google_schema.py takes from the published bindings of the version that versions.tf pins.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc

SINGLE, LIST = 1, 2
TYPES = {
    "string": "string", "number": "number", "bool": "bool", "list(string)": ["list", "string"],
    "list(number)": ["list", "number"], "map(string)": ["map", "string"],
}  # fmt: skip
PROVIDER_ARGUMENTS = {"project": {"type": "string"}, "region": {"type": "string"}}
DATA_SOURCES = {
    "google_project": {
        "arguments": {"project_id": {"type": "string"}},
        "exports": ["number", "name", "id"],
    }
}


def varint(value: int) -> bytes:
    """Encode a whole number as protocol buffers do."""
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def held(number: int, value: bytes | str | int) -> bytes:
    """Encode one field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value) if value else b""
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def attribute(name: str, kind: Any, required: bool, computed: bool) -> bytes:
    """Encode ``Schema.Attribute``."""
    optional = not required
    return held(
        2,
        held(1, name) + held(2, json.dumps(kind)) + held(4, int(required))
        + held(5, int(optional)) + held(6, int(computed and optional)),
    )  # fmt: skip


def block(arguments: dict[str, Any], exports: list[str]) -> bytes:
    """Encode ``Schema.Block``: attributes, then the blocks within."""
    out = b""
    for name, entry in arguments.items():
        if "block" not in entry:
            kind = TYPES[entry["type"]]
            out += attribute(name, kind, entry.get("required", False), name in exports)
            continue
        nesting = SINGLE if name == "timeouts" else LIST
        least = int(entry.get("required", False))
        most = 0 if entry["many"] or nesting == SINGLE else 1
        inner = block(entry["block"], [])
        out += held(
            3, held(1, name) + held(2, inner) + held(3, nesting) + held(4, least) + held(5, most)
        )
    for name in exports:
        if name not in arguments:
            out += attribute(name, "string", False, True)
    return out


def schema(arguments: dict[str, Any], exports: list[str]) -> bytes:
    """Encode ``Schema``."""
    return held(2, block(arguments, exports))


def get_schema(resources: dict[str, Any]) -> bytes:
    """Encode ``GetProviderSchema.Response``."""
    out = held(1, schema(PROVIDER_ARGUMENTS, []))
    for field, known in ((2, resources), (3, DATA_SOURCES)):
        for name, entry in known.items():
            out += held(
                field, held(1, name) + held(2, schema(entry["arguments"], entry["exports"]))
            )
    return out


def service(resources: dict[str, Any]) -> Any:
    """Give what Terraform calls."""
    answers = {
        "GetSchema": lambda request, context: get_schema(resources),
        # The configuration comes first in the question and in the answer.
        "PrepareProviderConfig": lambda request, context: request,
        "ValidateResourceTypeConfig": lambda request, context: b"",
        "ValidateDataSourceConfig": lambda request, context: b"",
        "Configure": lambda request, context: b"",
        "Stop": lambda request, context: b"",
    }
    return grpc.method_handlers_generic_handler(
        "tfplugin5.Provider",
        {name: grpc.unary_unary_rpc_method_handler(answer) for name, answer in answers.items()},
    )


@contextlib.contextmanager
def providers(known: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Serve these resources; gives the environment that leads Terraform to their providers."""
    servers, attached = [], {}
    for provider in sorted({entry["provider"] for entry in known.values()}):
        server = grpc.server(futures.ThreadPoolExecutor(4))
        resources = {n: e for n, e in known.items() if e["provider"] == provider}
        server.add_generic_rpc_handlers((service(resources),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        attached[f"hashicorp/{provider}"] = {
            "Protocol": "grpc",
            "ProtocolVersion": 5,
            "Pid": os.getpid(),
            "Test": True,  # Terraform leaves the process alone
            "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
        }
    try:
        yield {"TF_REATTACH_PROVIDERS": json.dumps(attached)}
    finally:
        for server in servers:
            server.stop(None).wait()
