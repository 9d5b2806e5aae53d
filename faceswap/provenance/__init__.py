"""Says of converted media what they are: signed manifests, plain metadata, and reading both.

It stands alone: it knows files and certificates, and neither faces nor models.
"""
