"""Many runs: search spaces, Optuna, Ray, the study folder, the command line."""
