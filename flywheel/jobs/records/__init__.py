"""Records: the events of a job's process, and the job's state computed from them."""
