"""generate: lets the teacher write unique, labelled examples of the task."""
