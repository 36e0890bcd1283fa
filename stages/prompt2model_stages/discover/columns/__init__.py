"""Which columns of a dataset make the input and the output: proposed by catalog, teacher and rules, checked on its rows."""
