import pytest

from proxy.core.matching.temp import replace


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/tmp", "<tmp>"),
        ("/tmp/", "<tmp>/"),
        ("/tmp/a.txt", "<tmp>/a.txt"),
        ("open /tmp/tmpab12cd_3/a.txt, then", "open <tmp>/*/a.txt, then"),
        ("/tmp/tmp.Xa8Kq2LmNo", "<tmp>/*"),
        ("/private/tmp/x", "<tmp>/x"),
        ("/var/tmp/build-9fK2xQ7a/out.log", "<tmp>/build-*/out.log"),
        ("/tmp/report-x8Kq2L.pdf", "<tmp>/report-*.pdf"),
        ("/tmp/claude-XyZabC", "<tmp>/claude-*"),
        ("/tmp/order-1042.csv", "<tmp>/order-1042.csv"),
        ("/tmp/invoice2024/page12", "<tmp>/invoice2024/page12"),
        ("/tmp/OrderReport/CamelCase", "<tmp>/OrderReport/CamelCase"),
        ("/tmp/pytest-of-me/pytest-12/t0", "<tmp>/pytest-of-me/*/t0"),
        ("/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/tmpab12cd34/x", "<tmp>/*/x"),
        (r"C:\Users\eva\AppData\Local\Temp\tmpab12cd34\a.txt", "<tmp>/*/a.txt"),
        (r"C:\\Users\\eva\\AppData\\Local\\Temp\\a.txt", "<tmp>/a.txt"),
        ("c:/Windows/Temp/a.txt", "<tmp>/a.txt"),
        ("/tmpfiles/a", "/tmpfiles/a"),
        ("/tmp.old/a", "/tmp.old/a"),
        ("/srv/tmp/x9K2lQ8a", "/srv/tmp/x9K2lQ8a"),
        ("./tmp/x9K2lQ8a", "./tmp/x9K2lQ8a"),
        (r"C:\Templates\a", r"C:\Templates\a"),
        ("the temperature is 20/30", "the temperature is 20/30"),
    ],
)
def test_paths(text: str, expected: str) -> None:
    assert replace(text, lambda *_: "") == expected


def test_what_was_found_is_told() -> None:
    seen: list[tuple[str, str]] = []

    def found(kind: str, path: str) -> str:
        seen.append((kind, path))
        return ""

    replace("/tmp/a and /tmp/b", found)
    assert seen == [("path", "/tmp/a"), ("path", "/tmp/b")]
