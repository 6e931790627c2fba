from proxy.core import recording
from proxy.exporters import dashcam
from tests.exporters.sample import snapshot


def test_it_is_the_recording() -> None:
    again = recording.load(dashcam.export(snapshot()))
    assert again == snapshot()
