"""The station: the process that knows one computer's ports and cameras, keeps its rig files and runs its rigs."""
