"""The tables in BigQuery: made and kept up to date, appended to and read again."""
