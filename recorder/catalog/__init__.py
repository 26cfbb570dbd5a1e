"""Keep rows and folders consistent: takes, datasets, sidecars."""
