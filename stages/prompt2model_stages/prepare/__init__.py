"""The stage that makes training, validation and test splits of retrieved, generated and the user's own data."""
