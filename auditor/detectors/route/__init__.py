"""Detectors of the rules about endpoints; a module's name is its rule's id."""
