"""The requests that every plain HTTP client makes; `STREAMS` are read piece by piece.

A stream fits into one TLS record: of a longer one the boundaries of records and reads, which come
as they like, would be seen among those of chunks.
`HALF_CHUNK` is for clients that do not tell how much of a chunk is missing: a recording keeps what
came of it, and not what its size line had promised.
"""

BASE = "https://upstream.test"
PLAIN = "http://plain.upstream.test"

WHOLE = (
    "/fixed?size=0",
    "/fixed?size=5000",
    "/fixed?status=404",
    "/fixed?status=500",
    "/empty?status=204",
    "/encoded?coding=gzip",
    "/encoded?coding=deflate",
    "/encoded?coding=br&pieces=3",
    "/encoded?coding=zstd&pieces=3",
    "/headers",
    "/echo",
    "/big?size=300000",
    "/until-close?size=2000",
    "/flaky?key=1&fail=2",
    "/flaky?key=1&fail=2",
    "/flaky?key=1&fail=2",
)
STREAMS = (
    "/chunked?sizes=1,10,100,1000,10000,3",
    "/encoded?coding=gzip&pieces=5",
)
BROKEN = (
    "/short?declared=100&sent=40",
    "/cut?after=0",
    "/cut?after=3",
    "/reset?after=-1",
)
HALF_CHUNK = "/eof-mid-chunk"
