"""What a run found, for people: a table on the terminal and one self-contained HTML page.

Reads only the tables and run.json of an output folder; imports neither Beam nor a model.
"""

from pipelines.report.tables import ReportError
from pipelines.report.view import ReportView, load_view

__all__ = ["ReportError", "ReportView", "load_view"]
