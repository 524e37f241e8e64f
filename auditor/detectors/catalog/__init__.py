"""Detectors of the catalog rules; a module's name is its rule's id."""
