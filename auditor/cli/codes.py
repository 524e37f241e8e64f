"""The exit codes, as `--help` shows them."""

EXIT_CODES = """\b
Exit codes, the first that applies:
  2    usage or configuration error
  3    the tool failed
  5    nothing to scan
  1    gate failed: open findings at or above --fail-on
  4    incomplete: a control of weight high or critical is unknown
  0    gate passed
  130  interrupted
"""
