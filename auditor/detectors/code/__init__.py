"""Detectors of the code rules; a module's name is its rule's id."""
