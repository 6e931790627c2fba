"""Dashcam's application: record agents on the wire, explain their runs, replay them offline."""
