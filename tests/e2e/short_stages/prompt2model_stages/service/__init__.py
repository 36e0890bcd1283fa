"""Stand-in for the service."""
