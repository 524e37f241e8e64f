"""Detectors of the probe rules; a module's name is its rule's id."""
