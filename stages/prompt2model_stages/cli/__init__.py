"""The command line, `p2m`."""
