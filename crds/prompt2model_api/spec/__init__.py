"""The sections of a `Prompt2Model` spec, one module each."""
