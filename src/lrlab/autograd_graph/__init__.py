"""The graph that autograd records of a step, as text and as a picture."""
