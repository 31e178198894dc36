"""Write the names and types of the resources we use, read off the published bindings.

    npm pack @cdktf/provider-google@16.12.1 @cdktf/provider-google-beta@16.12.1   # provider 6.50.0
    mkdir google google-beta   # and unpack each of the two there, without its folder "package"
    python google_schema.py google google-beta > google-6.50.0.json

The provider's version stands in each package.json as cdktf.provider.version. When the Terraform
files use another resource, put it into USED.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

USED = {
    "google": [
        "artifact-registry-repository", "artifact-registry-repository-iam-member",
        "bigquery-dataset", "bigquery-dataset-iam-member", "cloud-run-v2-worker-pool",
        "monitoring-alert-policy", "project-iam-member", "project-service", "pubsub-subscription",
        "pubsub-subscription-iam-member", "pubsub-topic", "pubsub-topic-iam-member",
        "service-account", "service-account-iam-member", "storage-bucket",
        "storage-bucket-iam-member", "storage-bucket-object",
    ],
    "google-beta": ["google-dataflow-flex-template-job"],
}  # fmt: skip
TYPES = {
    "string": "string", "number": "number", "boolean": "bool", "string[]": "list(string)",
    "number[]": "list(number)",
}  # fmt: skip


def snake(name: str) -> str:
    """Turn a name of the bindings into Terraform's."""
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def interfaces(text: str) -> dict[str, dict[str, tuple[bool, str]]]:
    """Give the fields of each interface: whether they may be left out, and their type."""
    found = {}
    for match in re.finditer(r"export interface (\w+)[^{]*\{(.*?)\n\}", text, re.S):
        body = re.sub(r"/\*.*?\*/", "", match[2], flags=re.S)
        fields = re.finditer(r"readonly (\w+)(\??):\s*([^;{]+|\{[^}]*\})", body)
        found[match[1]] = {f[1]: (f[2] == "?", " ".join(f[3].split())) for f in fields}
    return found


def arguments(name: str, known: dict[str, dict[str, tuple[bool, str]]]) -> dict[str, Any]:
    """Give the arguments of an interface, and those of the blocks within."""
    out: dict[str, Any] = {}
    for field, (optional, written) in known[name].items():
        kind = written.replace(" | cdktf.IResolvable", "")
        inner = kind.removesuffix("[]")
        entry: dict[str, Any] = {} if optional else {"required": True}
        if inner in known:
            entry |= {"block": arguments(inner, known), "many": kind.endswith("[]")}
        else:
            entry["type"] = "map(string)" if kind.startswith("{") else TYPES[kind]
        out[snake(field)] = entry
    return out


def resource(folder: Path) -> tuple[str, dict[str, Any]]:
    """Give the name of a resource, its arguments and what can be read off it."""
    declared = (folder / "index.d.ts").read_text(encoding="utf-8")
    code = (folder / "index.js").read_text(encoding="utf-8")
    (root,) = re.findall(r"interface (\w+Config) extends cdktf\.TerraformMetaArguments", declared)
    (body,) = re.findall(
        r"export declare class \w+ extends cdktf\.TerraformResource \{(.*?)\n\}", declared, re.S
    )
    getters = re.findall(r"get (\w+)\(\)", body)
    return re.findall(r'tfResourceType = "([^"]+)"', code)[0], {
        "arguments": arguments(root, interfaces(declared)),
        "exports": sorted({snake(name) for name in getters if not name.endswith("Input")}),
    }


def main() -> None:
    """Print one line for each resource."""
    lines = {}
    for folder, (provider, names) in zip(sys.argv[1:], USED.items(), strict=True):
        for one in names:
            name, entry = resource(Path(folder) / "lib" / one)
            entry = {"provider": provider, **entry}
            lines[name] = json.dumps(entry, separators=(",", ":"), sort_keys=True)
    print("{\n" + ",\n".join(f' "{name}": {lines[name]}' for name in sorted(lines)) + "\n}")


if __name__ == "__main__":
    main()
