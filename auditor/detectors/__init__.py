"""Rules and evidence to answers; one folder per kind of rule, one module per rule that SQL alone cannot ask."""
