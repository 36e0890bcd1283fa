"""The stage that measures student, untrained student and teacher on the test splits."""
