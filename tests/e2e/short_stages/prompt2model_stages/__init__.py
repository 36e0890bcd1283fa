"""A stand-in for the stages: each reports a canned result after a moment. Standard library alone, so that it starts at once."""
