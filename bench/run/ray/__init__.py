"""Runs through Ray Tune: a driver without Ray, workers, and the connection to a cluster."""
