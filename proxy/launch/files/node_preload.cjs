'use strict';
// Loaded by every Node of a recorded run (NODE_OPTIONS --require), before its program. It sends
// clients that ignore the proxy variables through the proxy; Node 18 to 26, no dependencies.
//
//   http, https agents     a new connection is a tunnel through the proxy
//   fetch, WebSocket and   the dispatcher that they share connects through a tunnel
//     the undici package
//   http2.connect          a tunnel again
//   ws                     brings a dialler of its own for upgrades: left out, so that the agent's is used
//
// Plain HTTP is tunnelled as well, so the proxy's credentials never travel beside a request. What
// goes past: requests that name an agent, dispatcher or dialler of their own, hosts in NO_PROXY,
// UNIX sockets, and Dashcam's own API. Whatever goes wrong in here leaves Node as it was.

const MARK = Symbol.for('dashcam.preload');
const DISPATCHERS = ['undici.globalDispatcher.2', 'undici.globalDispatcher.1'].map((name) => Symbol.for(name));
const REPLY_LIMIT = 65536; // an answer to CONNECT longer than this is none
const FIRST_UNDICI_WITH_H2 = 8; // from this major version on, fetch offers HTTP/2 by itself

const net = require('net');
const tls = require('tls');
const http = require('http');
const https = require('https');

function readProxy(env) {
  const text = env.HTTPS_PROXY || env.https_proxy;
  if (!env.DASHCAM_RUN || !text) return null;
  const url = new URL(text);
  if (url.protocol !== 'http:') return null;
  const past = (env.NO_PROXY || env.no_proxy || '').split(',').map((entry) => entry.trim()).filter(Boolean).map((entry) => readPlace(entry));
  const api = /^http:\/\/(?:[^/@]*@)?([^/@]+)/.exec(env.DASHCAM_API || '');
  if (api) past.push(readPlace(api[1], 80));
  const user = decodeURIComponent(url.username);
  const secret = Buffer.from(`${user}:${decodeURIComponent(url.password)}`).toString('base64');
  return { host: bare(url.hostname), port: Number(url.port) || 80, authorization: user && `Basic ${secret}`, past };
}

function bare(host) {
  return host.replace(/^\[|\]$/g, '').replace(/\.$/, '').toLowerCase();
}

function readPlace(entry, port = null) {
  const match = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry);
  const host = bare(match ? match[1] : entry);
  return { host: host.replace(/^\*?\./, ''), port: match ? Number(match[2]) : port };
}

/** Whether a connection to host and port belongs through the proxy. */
function takes(proxy, host, port) {
  const name = bare(String(host));
  if (name === proxy.host && Number(port) === proxy.port) return false;
  return !proxy.past.some((place) =>
    (place.port === null || place.port === Number(port)) &&
    (place.host === '*' || place.host === name || name.endsWith(`.${place.host}`)));
}

/** Open a tunnel; calls done(error) or done(null, socket), once. Returns the socket to the proxy. */
function openTunnel(proxy, host, port, options, done) {
  const name = net.isIPv6(host) ? `[${host}]` : host;
  const socket = net.connect({
    host: proxy.host,
    port: proxy.port,
    noDelay: options.noDelay,
    keepAlive: options.keepAlive,
    keepAliveInitialDelay: options.keepAliveInitialDelay,
  });
  let answer = Buffer.alloc(0);
  const finish = (error, rest) => {
    socket.removeListener('readable', onReadable);
    socket.removeListener('error', finish);
    socket.removeListener('close', onClose);
    if (error) {
      socket.on('error', () => {}); // one is enough
      socket.destroy();
      done(error);
      return;
    }
    if (rest.length > 0) socket.unshift(rest);
    done(null, socket);
  };
  const onClose = () => finish(failure('the recording proxy closed the connection'));
  const onReadable = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      answer = Buffer.concat([answer, chunk]);
      const end = answer.indexOf('\r\n\r\n');
      if (end < 0 && answer.length > REPLY_LIMIT) return finish(failure('the recording proxy does not answer CONNECT'));
      if (end >= 0) {
        const status = answer.toString('latin1', 0, answer.indexOf('\r\n')).replace(/^\S+ /, '');
        if (!status.startsWith('200')) return finish(failure(`the recording proxy refused ${name}:${port}: ${status}`));
        return finish(null, answer.subarray(end + 4));
      }
    }
  };
  socket.on('error', finish);
  socket.on('close', onClose);
  socket.on('readable', onReadable);
  const lines = [`CONNECT ${name}:${port} HTTP/1.1`, `Host: ${name}:${port}`];
  if (proxy.authorization) lines.push(`Proxy-Authorization: ${proxy.authorization}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return socket;
}

function failure(message) {
  return Object.assign(new Error(message), { code: 'ECONNREFUSED', syscall: 'connect' });
}

/** A tunnel that can be written to before it is open, for callers that want a stream at once. */
function tunnelStream(proxy, host, port, options) {
  const { Duplex } = require('stream');
  let socket = null;
  let start = null;
  const stream = new Duplex({
    read() {
      if (socket) socket.resume();
    },
    write(chunk, encoding, callback) {
      const send = () => socket.write(chunk, encoding, callback);
      if (socket) send();
      else start = send;
    },
    final(callback) {
      const end = () => socket.end(callback);
      if (socket) end();
      else start = end;
    },
    destroy(error, callback) {
      if (socket) socket.destroy();
      raw.destroy();
      callback(error);
    },
  });
  const raw = openTunnel(proxy, host, port, options, (error, opened) => {
    if (error) {
      stream.destroy(error);
      return;
    }
    if (stream.destroyed) {
      opened.destroy();
      return;
    }
    socket = opened;
    socket.on('data', (chunk) => {
      if (!stream.push(chunk)) socket.pause();
    });
    socket.on('end', () => stream.push(null));
    socket.on('error', (problem) => stream.destroy(problem));
    socket.on('close', () => stream.destroy());
    stream.emit('connect');
    if (start) start();
  });
  for (const name of ['setNoDelay', 'setKeepAlive', 'setTimeout', 'ref', 'unref']) {
    stream[name] = (...args) => {
      raw[name](...args);
      return stream;
    };
  }
  return stream;
}

/** New connections of an agent class go through a tunnel. */
function patchAgent(proxy, prototype, secure) {
  const original = prototype.createConnection;
  prototype.createConnection = function createConnection(...args) {
    const options = args[0];
    const callback = args[args.length - 1];
    if (options === null || typeof options !== 'object' || options.socketPath || options.socket) {
      return original.apply(this, args);
    }
    const host = options.host || 'localhost';
    const port = options.port || (secure ? 443 : 80);
    // an agent that was given proxy variables itself (Node >= 24.5) knows its way
    if ((this && this.options && this.options.proxyEnv) || !takes(proxy, host, port)) {
      return original.apply(this, args);
    }
    const upgrade = (socket) => (secure ? original.call(this, { ...options, socket }) : socket);
    if (typeof callback !== 'function') return upgrade(tunnelStream(proxy, host, port, options));
    const settle = reserve(this, options);
    openTunnel(proxy, host, port, options, (error, socket) => {
      settle();
      if (error) {
        // as a socket that fails: the agent then goes on with the requests that wait for one
        const failed = new net.Socket();
        failed.connecting = true; // or what is written meanwhile would fail first
        callback(null, failed);
        setImmediate(() => failed.destroy(error));
        return;
      }
      if (options.timeout && !secure) socket.setTimeout(options.timeout);
      callback(null, upgrade(socket));
    });
    return undefined;
  };
}

/** Count a socket that is being opened, or an agent would open more than its maxSockets. */
function reserve(agent, options) {
  if (!agent || !agent.sockets || typeof agent.getName !== 'function') return () => {};
  const name = options._agentKey || agent.getName(options);
  const place = { destroy() {}, destroyed: false };
  (agent.sockets[name] = agent.sockets[name] || []).push(place);
  agent.totalSocketCount += 1;
  return () => {
    const sockets = agent.sockets[name] || [];
    const at = sockets.indexOf(place);
    if (at >= 0) sockets.splice(at, 1);
    agent.totalSocketCount -= 1;
  };
}

/** `ws` dials for itself unless it is given an agent; without its dialler it takes the default one. */
function patchUpgrades(module) {
  for (const name of ['request', 'get']) {
    const original = module[name];
    module[name] = function request(...args) {
      const options = args.find((arg) => arg !== null && typeof arg === 'object' && !(arg instanceof URL));
      if (options && options.createConnection && !options.agent && !options.socketPath && isUpgrade(options.headers)) {
        args[args.indexOf(options)] = { ...options, createConnection: undefined };
      }
      return original.apply(this, args);
    };
  }
}

function isUpgrade(headers) {
  if (headers === null || typeof headers !== 'object') return false;
  return Object.keys(headers).some((key) => key.toLowerCase() === 'upgrade' && String(headers[key]).toLowerCase() === 'websocket');
}

/** Node >= 22.21 gives its default agents the proxy variables; ours would then ask twice. */
function replaceGlobalAgents() {
  for (const module of [http, https]) {
    const { options } = module.globalAgent;
    if (options && options.proxyEnv) module.globalAgent = new module.Agent({ ...options, proxyEnv: undefined });
  }
}

/** The dialler of undici's Agent: dial(where, done). */
function dispatcherDialler(proxy) {
  const h2 = Number.parseInt(process.versions.undici, 10) >= FIRST_UNDICI_WITH_H2;
  return function connect(where, done) {
    const secure = where.protocol === 'https:';
    const host = bare(where.hostname);
    const port = Number(where.port) || (secure ? 443 : 80);
    const start = (error, socket) => {
      if (error) {
        done(error);
        return;
      }
      socket.setNoDelay(true).setKeepAlive(true, 60e3);
      if (!secure) {
        done(null, socket);
        return;
      }
      const servername = where.servername || (net.isIP(host) ? '' : host);
      const ALPNProtocols = h2 ? ['http/1.1', 'h2'] : ['http/1.1'];
      const wrapped = tls.connect({ socket, servername, host, ALPNProtocols, highWaterMark: 16384 });
      const onError = (problem) => done(problem);
      wrapped.once('error', onError);
      wrapped.once('secureConnect', () => {
        wrapped.removeListener('error', onError);
        done(null, wrapped);
      });
    };
    if (takes(proxy, host, port)) {
      openTunnel(proxy, host, port, {}, start);
      return;
    }
    const direct = net.connect({ host, port, localAddress: where.localAddress });
    const onError = (problem) => start(problem);
    direct.once('error', onError);
    direct.once('connect', () => {
      direct.removeListener('error', onError);
      start(null, direct);
    });
  };
}

/**
 * Give fetch, WebSocket and the undici package (they share it) a dispatcher that tunnels.
 *
 * Where undici is not loaded yet we wait for it, as loading it doubles the start of a Node that may
 * never need it: it looks for a global dispatcher, finds none, makes one, and defines it. So the
 * look is answered with "none", and what is defined next is replaced by one of the same class.
 */
function replaceDispatcher(proxy) {
  const connect = dispatcherDialler(proxy);
  const replacement = replacer(connect);
  for (const symbol of DISPATCHERS) {
    if (globalThis[symbol]) {
      globalThis[symbol] = replacement(globalThis[symbol]) || globalThis[symbol];
      continue;
    }
    Object.defineProperty(globalThis, symbol, {
      configurable: true,
      get() {
        guarded('dispatcher', () => awaitDispatcher(replacer(connect)));
        return undefined;
      },
      set(value) {
        Object.defineProperty(globalThis, symbol, { value, writable: true, configurable: true });
      },
    });
  }
}

/** What to put in a dispatcher's place, null for the program's own choice; asked in their order. */
function replacer(connect) {
  const replaced = new Map();
  let last = null;
  return (value) => {
    const { name } = value.constructor;
    // Node >= 26 keeps the older interface as a wrapper around the dispatcher defined just before
    if (name === 'Dispatcher1Wrapper') return last && new value.constructor(last);
    const made = (name === 'Agent' && replaced.size === 0) || name === 'EnvHttpProxyAgent';
    if (made && !replaced.has(value)) replaced.set(value, new (agentClass(value))({ connect }));
    return (last = replaced.get(value) || null);
  };
}

/** Until the program goes on: replace what undici defines as global dispatchers. */
function awaitDispatcher(replacement) {
  const define = Object.defineProperty;
  if (define[MARK]) {
    define[MARK](replacement); // a second undici in one go, each with a dispatcher of its own
    return;
  }
  const waiting = function defineProperty(target, key, descriptor) {
    let changed = descriptor;
    if (target === globalThis && DISPATCHERS.includes(key) && descriptor.value) {
      guarded('dispatcher', () => {
        changed = { ...descriptor, value: replacement(descriptor.value) || descriptor.value };
      });
    }
    return define(target, key, changed);
  };
  waiting[MARK] = (next) => {
    replacement = next;
  };
  Object.defineProperty = waiting;
  queueMicrotask(() => {
    if (Object.defineProperty === waiting) Object.defineProperty = define;
  });
}

/** The class Agent: of the dispatcher itself, or of one that it keeps for what goes past a proxy. */
function agentClass(dispatcher) {
  const kept = Object.getOwnPropertySymbols(dispatcher).map((symbol) => dispatcher[symbol]);
  const agent = [dispatcher, ...kept].find((each) => each && each.constructor.name === 'Agent');
  return agent.constructor;
}

function patchHttp2(proxy) {
  const http2 = require('http2');
  const original = http2.connect;
  http2.connect = function connect(authority, options, listener) {
    if (typeof options === 'function') return connect.call(this, authority, undefined, options);
    const url = typeof authority === 'string' ? new URL(authority) : authority;
    const protocol = (url && url.protocol) || (options && options.protocol) || 'https:';
    const secure = protocol === 'https:';
    const host = bare((url && (url.hostname || url.host)) || 'localhost');
    const port = Number(url && url.port) || (secure ? 443 : 80);
    if ((options && (options.createConnection || options.socketPath)) || !takes(proxy, host, port)) {
      return original.call(this, authority, options, listener);
    }
    const createConnection = () => {
      const socket = tunnelStream(proxy, host, port, {});
      if (!secure) return socket;
      const servername = (options && options.servername) || (net.isIP(host) ? '' : host);
      const ALPNProtocols = options && options.allowHTTP1 ? ['h2', 'http/1.1'] : ['h2'];
      return tls.connect({ ...options, socket, host, servername, ALPNProtocols });
    };
    return original.call(this, authority, { ...options, createConnection }, listener);
  };
}

/** One warning comes from a switch that Dashcam set, so the program's stderr is spared it. */
function dropWarning(code) {
  const emit = process.emit;
  const sparing = function (name, warning, ...rest) {
    if (name === 'warning' && warning && warning.code === code) return false;
    return emit.call(this, name, warning, ...rest);
  };
  process.emit = sparing;
  setImmediate(() => {
    if (process.emit === sparing) process.emit = emit;
  }).unref();
}

function guarded(what, action) {
  try {
    action();
  } catch (error) {
    if (process.env.DASHCAM_DEBUG) process.stderr.write(`dashcam: node preload: ${what}: ${error && error.stack}\n`);
  }
}

function install() {
  if (globalThis[MARK]) return;
  Object.defineProperty(globalThis, MARK, { value: true });
  const proxy = readProxy(process.env);
  if (proxy === null) return;
  guarded('warnings', () => dropWarning('UNDICI-EHPA'));
  guarded('http', () => patchAgent(proxy, http.Agent.prototype, false));
  guarded('https', () => patchAgent(proxy, https.Agent.prototype, true));
  guarded('agents', replaceGlobalAgents);
  guarded('upgrades', () => [http, https].forEach(patchUpgrades));
  guarded('http2', () => patchHttp2(proxy));
  guarded('fetch', () => replaceDispatcher(proxy));
  guarded('exports', () => require('module').syncBuiltinESMExports());
}

guarded('install', install);
