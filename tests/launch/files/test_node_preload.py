"""In the Node that is installed, as the file is used."""

import json
from pathlib import Path

import pytest

from tests.launch.conftest import RUN, Launch
from tests.launch.connect_proxy import ConnectProxy

GET = """
const get = (module, where, options = {}) => new Promise((resolve, reject) => {
  module.get(where, options, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part) => { text += part; });
    response.on('end', () => resolve(text));
  }).on('error', reject);
});
"""
LIBRARIES = (
    GET
    + """
const http = require('http'), https = require('https');
const http2 = require('http2'), tls = require('tls');
const upgrade = () => new Promise((resolve, reject) => {
  // what the package ws does: a dialler of its own, and no agent
  const headers = {
    Connection: 'Upgrade', Upgrade: 'websocket',
    'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  const createConnection = (options) => tls.connect(options);
  const request = https.request('https://ws.test/ws', { createConnection, headers });
  request.on('error', reject).on('upgrade', (response, socket) => {
    socket.on('data', (data) => {
      if (data[0] !== 0x81) return;
      resolve(data.subarray(2, 7).toString());
      socket.destroy();
    });
    socket.write(Buffer.concat([Buffer.from([0x81, 0x85, 0, 0, 0, 0]), Buffer.from('hello')]));
  }).end();
});
const two = (authority, options) => new Promise((resolve, reject) => {
  const session = http2.connect(authority, options).on('error', reject);
  let text = '';
  session.request({ ':path': '/two' }).setEncoding('utf8').on('data', (part) => { text += part; })
    .on('end', () => { session.close(); resolve(text); });
});
(async () => {
  console.log(await get(https, 'https://https.test/'));
  const agent = new https.Agent({ keepAlive: true });
  console.log(await get(https, new URL('https://agent.test/'), { agent }));
  console.log(await get(http, 'http://http.test:81/'));
  console.log(await (await fetch('https://fetch.test/')).text());
  console.log(await (await fetch('http://127.0.0.1:82/')).text());
  console.log(await two('https://h2.test'));
  console.log(await upgrade());
  const mod = await import('node:https');
  console.log(await get(mod, 'https://esm.test/'), mod.request === https.request);
})().catch((error) => { console.error(error); process.exitCode = 1; });
"""
)


def test_every_way_out_of_node(launch: Launch, connect_proxy: ConnectProxy) -> None:
    done = launch(["node", "-e", LIBRARIES])
    assert done.stderr == ""
    assert done.returncode == 0
    expected = [
        ("https.test:443", "/", "http/1.1"),
        ("agent.test:443", "/", "http/1.1"),
        ("http.test:81", "/", "http/1.1"),
        ("fetch.test:443", "/", "http/1.1"),
        ("127.0.0.1:82", "/", "http/1.1"),
        ("h2.test:443", "/two", "h2"),
        ("ws.test:443", "/ws", "http/1.1"),
        ("esm.test:443", "/", "http/1.1"),
    ]
    assert [(seen.target, seen.path, seen.protocol) for seen in connect_proxy.seen] == expected
    assert {seen.user for seen in connect_proxy.seen} == {RUN}
    assert all("proxy-authorization" not in seen.headers for seen in connect_proxy.seen)
    assert done.stdout.count("hello") == len(expected)
    assert done.stdout.endswith("true\n")


LIMITS = (
    GET
    + """
const https = require('https');
const agent = new https.Agent({ keepAlive: true, maxSockets: 2 });
Promise.all(Array.from({ length: 8 }, (_, i) => get(https, `https://many.test/${i}`, { agent })))
  .then((all) => { console.log(all.length, agent.totalSocketCount); agent.destroy(); });
"""
)


def test_an_agents_limit_of_sockets_holds(launch: Launch, connect_proxy: ConnectProxy) -> None:
    done = launch(["node", "-e", LIMITS])
    assert (done.stdout, done.stderr) == ("8 2\n", "")
    assert len(connect_proxy.seen) == 8
    assert connect_proxy.tunnels == ["many.test:443"] * 2
    assert connect_proxy.most_open == 2


REFUSED = (
    GET
    + """
const https = require('https'), http2 = require('http2');
const agent = new https.Agent({ maxSockets: 1 });
const said = (error) => (error.cause || error).message;
(async () => {
  // the second waits for the first one's socket, and must not wait for ever
  const one = () => get(https, 'https://a.test/', { agent }).catch(said);
  console.log(await Promise.all([one(), one()]));
  console.log(await fetch('https://a.test/').catch(said));
  console.log(await new Promise((resolve) => {
    http2.connect('https://a.test').on('error', (error) => resolve(said(error)));
  }));
})();
"""
)


def test_a_refused_tunnel_is_an_error_of_the_connection(
    launch: Launch, connect_proxy: ConnectProxy
) -> None:
    connect_proxy.status = "502 Bad Gateway"
    done = launch(["node", "-e", REFUSED])
    assert done.stderr == ""
    assert done.stdout.count("the recording proxy refused a.test:443: 502 Bad Gateway") == 4


def test_a_proxy_that_is_gone_is_an_error_of_the_connection(launch: Launch) -> None:
    gone = "http://r:x@127.0.0.1:1"
    argv = ["env", f"HTTPS_PROXY={gone}", f"https_proxy={gone}", "node", "-e", REFUSED]
    done = launch(argv)
    assert done.stderr == ""
    assert done.stdout.count("ECONNREFUSED") == 4


DIRECT = (
    GET
    + """
const http = require('http');
const server = http.createServer((_, response) => response.end('direct'));
server.listen(Number(process.argv[1]), '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}/`;
  console.log(await get(http, url));
  console.log(await (await fetch(url)).text());
  server.close();
  server.closeAllConnections();
});
"""
)


def test_the_api_is_asked_directly(
    launch: Launch, connect_proxy: ConnectProxy, free_port: int
) -> None:
    argv = ["node", "-e", DIRECT, str(free_port)]
    done = launch(argv, api=f"http://127.0.0.1:{free_port}")
    assert (done.stdout, done.stderr) == ("direct\ndirect\n", "")
    assert connect_proxy.seen == []


@pytest.mark.parametrize("value", ["127.0.0.1", "x.test, 127.0.0.1", "*"])
def test_no_proxy_is_respected(launch: Launch, connect_proxy: ConnectProxy, value: str) -> None:
    argv = ["env", f"NO_PROXY={value}", f"no_proxy={value}", "node", "-e", DIRECT, "0"]
    done = launch(argv)
    assert (done.stdout, done.stderr) == ("direct\ndirect\n", "")
    assert connect_proxy.seen == []


UNDICI = """
const symbol = Symbol.for('undici.globalDispatcher.1');
const before = Object.defineProperty;
new Headers(); // Node loads its undici, which makes and defines a dispatcher
const made = globalThis[symbol];
// what an undici does for a program that brings a dispatcher of its own, in the same tick
const own = { dispatch() {} };
Object.defineProperty(globalThis, symbol, { value: own, writable: true });
console.log(JSON.stringify([typeof made.dispatch, globalThis[symbol] === own]));
queueMicrotask(() => console.log(JSON.stringify(Object.defineProperty === before)));
"""


def test_a_dispatcher_of_the_programs_own_is_respected(launch: Launch) -> None:
    done = launch(["env", "-u", "NODE_USE_ENV_PROXY", "node", "-e", UNDICI])
    assert done.stderr == ""
    assert [json.loads(line) for line in done.stdout.splitlines()] == [["function", True], True]


TWO = """
const [two, one] = ['2', '1'].map((n) => Symbol.for(`undici.globalDispatcher.${n}`));
class Agent { constructor(options) { this.connect = (options || {}).connect; } dispatch() {} }
const define = (symbol, value) =>
  Object.defineProperty(globalThis, symbol, { value, writable: true });
new Headers(); // Node's own undici first, then one that a program brings, all in one tick
const fresh = Object.getOwnPropertyDescriptor(globalThis, two).get !== undefined;
if (globalThis[two] === undefined) define(two, new Agent());
const connects = typeof globalThis[two].connect === 'function';
console.log(!fresh || connects, typeof globalThis[one].dispatch);
"""


def test_two_undicis_at_once(launch: Launch) -> None:
    """As the package from version 8 on is beside a Node that knows only the older symbol."""
    done = launch(["node", "-e", TWO])
    assert (done.stdout, done.stderr) == ("true function\n", "")


def test_an_undici_that_was_loaded_before_us(
    launch: Launch, connect_proxy: ConnectProxy, tmp_path: Path
) -> None:
    """A preload of the user's own comes first."""
    (tmp_path / "first.cjs").write_text("new Headers();\n")
    script = "fetch('https://a.test/').then((r) => r.text()).then(console.log)"
    done = launch(["node", "-e", script], NODE_OPTIONS=f"--require {tmp_path / 'first.cjs'}")
    assert "hello" in done.stdout, done.stderr
    assert [seen.user for seen in connect_proxy.seen] == [RUN]


def test_outside_of_a_run_nothing_is_changed(launch: Launch) -> None:
    method = "require('http').Agent.prototype.createConnection"
    script = f"console.log({method} === require('net').createConnection)"
    without = launch(["env", "-u", "NODE_OPTIONS", "node", "-e", script]).stdout
    assert launch(["env", "-u", "DASHCAM_RUN", "node", "-e", script]).stdout == without
    assert launch(["node", "-e", script]).stdout == "false\n"


def test_a_failure_is_swallowed_and_said_on_request(launch: Launch) -> None:
    broken = ["-u", "NODE_USE_ENV_PROXY", "HTTPS_PROXY=http://["]
    argv = ["env", *broken, "node", "-e", "console.log('program ran')"]
    done = launch(argv)
    assert done.stdout == "program ran\n"
    assert done.stderr.startswith("dashcam: node preload: install: ")
    quiet = launch(["env", "-u", "DASHCAM_DEBUG", *argv[1:]])
    assert (quiet.stdout, quiet.stderr) == ("program ran\n", "")
