"""Reports: a comparison or a gate's verdict as HTML, Markdown or JUnit XML."""
