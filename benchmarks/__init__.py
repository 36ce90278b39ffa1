"""Side-by-side runs against the libraries that we use, and their recorded results."""
