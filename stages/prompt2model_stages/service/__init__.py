"""The service: answers over HTTP with the student, in front of the same preprocessing as in training."""
