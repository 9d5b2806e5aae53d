"""Provenance of synthetic media: signed C2PA manifests and plain metadata, written and read.

The package depends on files and certificates only, not on faces or models.
"""
