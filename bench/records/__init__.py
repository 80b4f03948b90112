"""A run's folder: records and raw outputs, and the table that reports are made from."""
