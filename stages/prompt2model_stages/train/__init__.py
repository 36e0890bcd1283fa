"""train: fine-tunes the student on the splits, distributed by Ray Train."""
