"""Start the BigQuery emulator, version 1.4.0, so that it needs no network.

It would fetch extensions for maps and for Avro files; the latter it can read with a package, too.
And one fault of it is mended: it forgot the fields of a struct when rows came by stream.
"""

import sys
from importlib.metadata import entry_points

from bqemulator.api.routes.tabledata import _build_arrow_schema
from bqemulator.grpc_api import write_servicer
from bqemulator.jobs import executor
from bqemulator.storage import engine


def _field(field):
    return {
        "name": field.name,
        "type": field.type,
        "mode": field.mode,
        "fields": [_field(inner) for inner in field.fields],
    }


for found in list(vars(engine).values()):
    if isinstance(found, type) and "_load_spatial" in vars(found):
        found._load_spatial = lambda self: None
executor.is_decimal_logical_avro = lambda path: True
write_servicer._table_arrow_schema = lambda table: _build_arrow_schema(
    [_field(field) for field in table.schema_.fields]
)

(command,) = (e for e in entry_points(group="console_scripts") if e.name == "bqemulator")
sys.argv[0] = "bqemulator"
command.load()()
