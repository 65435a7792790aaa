"""What touches a cluster's machines."""
