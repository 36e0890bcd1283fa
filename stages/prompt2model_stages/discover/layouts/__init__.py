"""The layouts in which people write examples, a module a family; see segmenting."""
