"""The stage discover: what the prompt asks for, and which data and students could serve it."""
