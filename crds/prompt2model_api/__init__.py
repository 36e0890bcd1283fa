"""What a Prompt2Model is: types, defaults, the stage graph with its digests, and the function that decides."""
