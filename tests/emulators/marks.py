"""What every test of the BigQuery emulator is marked with."""

import pytest

BIGQUERY = [
    pytest.mark.bigquery,
    # The clients of Google's libraries leave connections to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
