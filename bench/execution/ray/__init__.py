"""Execution through Ray Tune: a driver that imports no Ray, the workers, and the connection to a cluster."""
