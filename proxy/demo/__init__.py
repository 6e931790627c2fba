"""The demo: a local provider, a small support agent, and the story that records and replays it.

It stands by itself: nothing here knows how Dashcam works inside. The story uses the `dashcam`
command as anybody would, and the agent has no Dashcam code in it.
"""
