"""transform: the teacher rewrites the rows of the chosen dataset into the task's form, or refuses them."""
