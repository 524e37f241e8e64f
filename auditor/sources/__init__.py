"""The only input and output of a scan: repository, git, shadow database, live database."""
