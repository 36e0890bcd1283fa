"""Pure builders of everything that the operator makes: the same input, the same manifest."""
