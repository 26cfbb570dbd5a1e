"""What a worker process does: encode, commit, apply, sweep, recover."""
