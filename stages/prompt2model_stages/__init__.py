"""The machine learning: five stages, the service, and the runner that needs no cluster."""
