"""Work in several steps: tasks composed into a flow that is checked, run, recorded and resumed."""
