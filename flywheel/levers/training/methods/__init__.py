"""Methods: which weights are trained, and the model they belong to."""
