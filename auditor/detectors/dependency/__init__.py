"""Detectors of the dependency rules; a module's name is its rule's id."""
