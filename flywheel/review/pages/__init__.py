"""The pages, one Streamlit script each, and what they share. No other folder imports Streamlit."""
