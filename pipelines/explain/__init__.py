"""Why an article is in its event: the numbers behind one decision, read back from the tables.

Reads only the tables of an output folder; imports neither Beam nor a model.
"""
