"""Keep rows and folders in step: takes, datasets, sidecars."""
