"""`p2m choose`: a page on which a person chooses the dataset and the student of a resource."""
