"""Stand-in for the fetch of a model: there is none."""
