"""What touches the machines of a cluster; beside tuning.py and cluster.py the only code that knows Ray."""
