"""What makes pages of the docs site out of the code; the pages written by hand are beside this folder."""
