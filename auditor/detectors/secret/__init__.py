"""Detectors of the secret rules; a module's name is its rule's id."""
