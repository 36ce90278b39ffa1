"""Reports: what was found, as pages and files for people and for builds. They decide nothing."""
