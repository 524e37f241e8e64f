"""Detectors of the migration rules; a module's name is its rule's id."""
