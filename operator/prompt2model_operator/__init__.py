"""What a cluster does about a Prompt2Model."""
