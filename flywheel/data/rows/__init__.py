"""Training rows, read from any format into one typed form."""
