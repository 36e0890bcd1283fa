"""A stage in a pod of a cluster: who it reports to, how it ends, and what it leaves in storage beside its result."""
