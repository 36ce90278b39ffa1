"""Tests of a mean, and the bounds that come from them."""
