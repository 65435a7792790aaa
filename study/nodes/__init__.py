"""All that touches a cluster's machines."""
