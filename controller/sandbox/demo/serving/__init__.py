"""Code that goes into the models and images of the demo. It imports nothing but the standard library."""
