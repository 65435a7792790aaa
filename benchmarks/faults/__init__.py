"""What a study does when something dies: real processes, real kills, network namespaces for hosts."""
