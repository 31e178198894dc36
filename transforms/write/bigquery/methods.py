"""The ways rows get into BigQuery."""

FILE_LOADS = "file_loads"  # load jobs: free, a few seconds each, at most 1,500 a day and table
STORAGE_WRITE = "storage_write"  # append by stream
STREAMING_INSERTS = "streaming_inserts"  # requests
METHODS = (FILE_LOADS, STORAGE_WRITE, STREAMING_INSERTS)
