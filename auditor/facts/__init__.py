"""Pure facts: parse, resolve, match. Nothing here reads a file or opens a connection."""
