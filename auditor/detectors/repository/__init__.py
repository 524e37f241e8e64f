"""Detectors of the repository rules; a module's name is its rule's id."""
