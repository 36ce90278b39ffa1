"""The pages, one Streamlit script each, and what they share. Streamlit is imported here alone."""
