"""Engines: what carries out the work of a verb on its sources, here or on a cluster."""
