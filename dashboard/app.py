"""The dashboard from a checkout: `streamlit run dashboard/app.py [RUNS [EVALUATIONS]]`.

`uic bench dashboard` is the same page, bound to this machine alone and without telemetry.
"""

from unified_intelligence.dashboard.start import show_page

if __name__ == "__main__":
    show_page()
