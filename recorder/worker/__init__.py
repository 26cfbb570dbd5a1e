"""The work of a worker process: encode, commit, revise, sweep, recover."""
