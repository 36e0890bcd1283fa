"""Whether a prompt bears out what a teacher says of its parts."""
