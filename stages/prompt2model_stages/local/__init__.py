"""The runner on one machine: the same graph and the same stages as in a cluster, in processes and folders."""
