"""What Streamlit runs: the page, with the folders that stand behind the script's name on the command line."""

from unified_intelligence.dashboard.start import show_page

if __name__ == "__main__":
    show_page()
