"""mitmproxy lives here and nowhere else: interception, in small addons of one job each."""
