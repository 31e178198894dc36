"""Pages and a read-only JSON API over an output folder, also while a run goes on in it.

Reads only the tables and run.json; imports neither Beam nor a model, writes nothing there.
"""
