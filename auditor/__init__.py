"""backend-audit: audits a backend and writes one scored security checklist."""

__version__ = "0.1.0"
