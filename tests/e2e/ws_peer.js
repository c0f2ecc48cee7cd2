#!/usr/bin/env node
/*
 * WebSocket by Node, over HTTP/1.1 and over HTTP/2 (RFC 8441).
 *
 *	ws_peer.js server H1_PORT H2C_PORT
 *	ws_peer.js client TLS_PORT CLEAR_PORT CERT TEST...
 *
 * Paths: /echo, /bye (closes after one message), /refuse (403), /wrong (a 101
 * that proves nothing), /raw (counts bytes until the end, then says so), /stall
 * (reads nothing), /flood (sends without end), /cut (breaks the connection).
 * The Host h1.test goes to the first server, h2.test to the second; WS_HOSTS and
 * WS_PATH name others that echo.
 */
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const net = require('net');
const tls = require('tls');

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const accept = (key) => crypto.createHash('sha1').update(key + GUID).digest('base64');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/* --- frames ----------------------------------------------------------------- */

function frame(opcode, data, mask) {
	const n = data.length;
	const head = [0x80 | opcode];
	if (n < 126) head.push((mask ? 0x80 : 0) | n);
	else if (n < 65536) head.push((mask ? 0x80 : 0) | 126, n >> 8, n & 255);
	else head.push((mask ? 0x80 : 0) | 127, 0, 0, 0, 0, n >>> 24, (n >> 16) & 255,
		(n >> 8) & 255, n & 255);
	if (!mask) return Buffer.concat([Buffer.from(head), data]);
	const key = crypto.randomBytes(4);
	const masked = Buffer.from(data);
	for (let i = 0; i < n; i++) masked[i] ^= key[i & 3];
	return Buffer.concat([Buffer.from(head), key, masked]);
}

/* Calls on(opcode, data) for each whole frame of a stream. */
function frames(stream, on) {
	let have = Buffer.alloc(0);
	stream.on('data', (part) => {
		have = Buffer.concat([have, part]);
		for (;;) {
			if (have.length < 2) return;
			let n = have[1] & 127, at = 2;
			if (n === 126) { if (have.length < 4) return; n = have.readUInt16BE(2); at = 4; }
			else if (n === 127) { if (have.length < 10) return; n = have.readUInt32BE(6); at = 10; }
			const mask = have[1] & 0x80 ? have.subarray(at, at + 4) : null;
			if (mask) at += 4;
			if (have.length < at + n) return;
			const data = Buffer.from(have.subarray(at, at + n));
			if (mask) for (let i = 0; i < n; i++) data[i] ^= mask[i & 3];
			const opcode = have[0] & 15;
			have = have.subarray(at + n);
			on(opcode, data);
		}
	});
	stream.resume();
}

/* --- servers ----------------------------------------------------------------- */

function flood(stream) {
	const block = Buffer.alloc(65536, 'f');
	const more = () => { while (!stream.destroyed && stream.write(block)); };
	stream.on('drain', more);
	more();
	stream.resume();
}

function serve(stream, path, cut) {
	stream.on('error', () => {});
	if (path === '/raw') {
		let n = 0;
		stream.on('data', (part) => { n += part.length; });
		stream.on('end', () => stream.end(`got ${n}`));
		return;
	}
	if (path === '/stall') return;
	if (path === '/flood') return flood(stream);
	if (path === '/cut') return setTimeout(cut, 100);
	frames(stream, (opcode, data) => {
		if (opcode === 8 || path === '/bye') stream.end(frame(8, data.subarray(0, 2)));
		else stream.write(frame(opcode, data));
	});
}

/* For a browser: a page that opens WebSockets, and says how it went. */
const PAGE = `<!doctype html><script>
async function one(n) {
	const w = new WebSocket('wss://' + location.host + '/echo');
	w.binaryType = 'arraybuffer';
	await new Promise((done, fail) => { w.onopen = done; w.onerror = fail; });
	for (const text of ['', 'a', 'b'.repeat(126), 'c'.repeat(70000), 'd' + n]) {
		w.send(text);
		const got = await new Promise((done, fail) => {
			w.onmessage = (m) => done(m.data);
			w.onclose = fail;
		});
		if (got !== text) throw new Error('another text came back');
	}
	const end = new Promise((done) => { w.onclose = done; });
	w.close(1000);
	return (await end).code;
}
(async () => {
	await fetch('/first');
	const codes = await Promise.all([one(1), one(2), one(3)]);
	const refused = await new Promise((done) => {
		const w = new WebSocket('wss://' + location.host + '/refuse');
		w.onerror = () => done('refused');
		w.onopen = () => done('opened');
	});
	return codes.join() + ' ' + refused;
})().catch((e) => 'failed: ' + e).then((how) => fetch('/report?' + encodeURIComponent(how)));
</script>`;

function browse(req, res) {
	if (req.url.startsWith('/report?'))
		console.log('report', decodeURIComponent(req.url.slice(8)));
	if (req.url === '/page') res.setHeader('content-type', 'text/html');
	res.end(req.url === '/page' ? PAGE : 'plain');
}

function servers(h1_port, h2_port) {
	http.createServer(browse)
		.on('upgrade', (req, socket) => {
			if (req.url === '/refuse')
				return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
			const key = req.url === '/wrong' ? 'x' : req.headers['sec-websocket-key'];
			const named = req.headers['sec-websocket-protocol'];
			socket.setNoDelay();
			socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n' +
				'Connection: Upgrade\r\n' +
				(named ? `Sec-WebSocket-Protocol: ${named}\r\n` : '') +
				`Sec-WebSocket-Accept: ${accept(key)}\r\n\r\n`);
			serve(socket, req.url, () => socket.resetAndDestroy());
		}).listen(h1_port, '127.0.0.1');
	let last;
	http2.createServer({settings: {enableConnectProtocol: true}})
		.on('stream', (stream, headers) => {
			const path = headers[':path'];
			if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket') {
				stream.respond({':status': 200});
				return stream.end('plain');
			}
			if (path === '/refuse') {
				stream.respond({':status': 403});
				return stream.end('no');
			}
			const named = headers['sec-websocket-protocol'];
			stream.respond(named ? {':status': 200, 'sec-websocket-protocol': named} :
				{':status': 200});
			serve(stream, path, () => last.resetAndDestroy());
		}).on('connection', (socket) => { last = socket; }).listen(h2_port, '127.0.0.1');
}

/* --- clients: each gives {status, stream, close} --------------------------------- */

let TLS_PORT, CLEAR_PORT, CA;

function ask_h1(secure) {
	return (host, path, extra = '') => new Promise((done, fail) => {
		const key = crypto.randomBytes(16).toString('base64');
		const s = secure ? tls.connect({port: TLS_PORT, host: '127.0.0.1', ca: CA,
				servername: 'localhost', allowHalfOpen: true}) :
			net.connect({port: CLEAR_PORT, host: '127.0.0.1', allowHalfOpen: true});
		s.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\n` +
			'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
			`Sec-WebSocket-Key: ${key}\r\n${extra}\r\n`);
		let have = Buffer.alloc(0);
		const on = (part) => {
			have = Buffer.concat([have, part]);
			const at = have.indexOf('\r\n\r\n');
			if (at < 0) return;
			const head = have.subarray(0, at).toString();
			s.removeListener('data', on);
			s.pause();
			if (have.length > at + 4) s.unshift(have.subarray(at + 4));
			const status = Number(head.split(' ')[1]);
			if (status === 101 && !head.includes(accept(key))) fail(new Error(head));
			done({status: status === 101 ? 200 : status, head, stream: s,
				close: () => s.destroy()});
		};
		s.on('data', on);
		s.on('error', fail);
		s.on('close', () => fail(new Error('closed')));
	});
}

const ask_h2 = (host, path, extra = '') => new Promise((done, fail) => {
	const c = http2.connect(`https://127.0.0.1:${TLS_PORT}`, {ca: CA,
		servername: 'localhost'});
	c.on('error', fail);
	c.on('remoteSettings', (settings) => {
		assert(settings.enableConnectProtocol, 'SETTINGS_ENABLE_CONNECT_PROTOCOL');
		const fields = {':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https',
			':path': path, ':authority': host, 'sec-websocket-version': '13'};
		const named = /^([^:]*): *(.*)\r\n/.exec(extra);
		if (named) fields[named[1].toLowerCase()] = named[2];
		const s = c.request(fields, {endStream: false});
		s.on('response', (h) => {
			assert(!h['sec-websocket-accept'], 'no proofs in HTTP/2');
			done({status: h[':status'], head: JSON.stringify(h), stream: s,
				close: () => c.destroy()});
		});
		s.on('error', (e) => { s.failed = e; fail(e); });
	});
});

const CLIENTS = {'h1': ask_h1(false), 'h1 over TLS': ask_h1(true), 'h2': ask_h2};
const HOSTS = (process.env.WS_HOSTS || 'h1.test h2.test').split(' ');
const ECHO = process.env.WS_PATH || '/echo';

async function each(what, f) {
	for (const [name, ask] of Object.entries(CLIENTS)) {
		for (const host of HOSTS) {
			try {
				await Promise.race([f(ask, host), sleep(15000).then(() => {
					throw new Error('not in time');
				})]);
			} catch (e) {
				console.log(`${what}, ${name} to ${host}: ${e.stack}`);
				process.exit(1);
			}
		}
	}
}

const ended = (s) => new Promise((done) => {
	let text = '';
	s.on('data', (part) => { text += part; });
	s.on('end', () => done(text));
	s.on('close', () => done(text));
	s.on('error', () => done('error'));
	s.resume();
});

const TESTS = {
	async echo(ask, host) {
		const w = await ask(host, ECHO, 'Sec-WebSocket-Protocol: chat\r\n');
		assert.strictEqual(w.status, 200);
		assert(w.head.includes('chat'), w.head);
		const sizes = [0, 1, 125, 126, 65535, 65536, 1 << 20];
		for (let i = 0; i < 500; i++) sizes.push(i % 50);
		const sent = sizes.map((n) => crypto.randomBytes(n));
		let n = 0;
		await new Promise((done, fail) => {
			frames(w.stream, (opcode, data) => {
				if (opcode === 8) return;
				if (!data.equals(sent[n])) fail(new Error(`message ${n} differs`));
				if (++n === sent.length) done();
			});
			for (const data of sent) w.stream.write(frame(2, data, true));
		});
		const end = ended(w.stream);
		w.stream.write(frame(8, Buffer.from([3, 232]), true));
		await end;
		w.close();
	},

	async server_closes(ask, host) {
		const w = await ask(host, '/bye');
		const end = new Promise((done) => frames(w.stream, (opcode, data) => {
			if (opcode === 8) done(data);
		}));
		const gone = ended(w.stream);
		w.stream.write(frame(1, Buffer.from([3, 232]), true));
		assert.deepStrictEqual(await end, Buffer.from([3, 232]));
		await gone;
		w.close();
	},

	async refusal(ask, host) {
		const w = await ask(host, '/refuse');
		assert.strictEqual(w.status, 403);
		w.close();
	},

	async half_close(ask, host) {
		const w = await ask(host, '/raw');
		const text = ended(w.stream);
		w.stream.end(Buffer.alloc(300000, 'r'));
		assert.strictEqual(await text, 'got 300000');
		w.close();
	},

	/* Broken by the server: the client must not take it for an end in order. */
	async cut(ask, host) {
		const w = await ask(host, '/cut');
		let end = 'nothing';
		await new Promise((done) => {
			w.stream.on('end', () => { end = 'end'; });
			w.stream.on('error', () => { end = 'error'; done(); });
			w.stream.on('close', done);
			w.stream.resume();
		});
		assert.strictEqual(end, 'error');
		w.close();
	},

	/* The first bytes come right behind the request. */
	async eager(ask, host) {
		if (ask === ask_h2) return;
		await new Promise((done, fail) => {
			const s = net.connect(CLEAR_PORT, '127.0.0.1');
			s.write(`GET ${ECHO} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\n` +
				'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
				'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
			s.write(frame(1, Buffer.from('early bird'), true));
			let text = '';
			s.on('data', (part) => {
				text += part;
				if (text.includes('early bird')) { s.destroy(); done(); }
			});
			s.on('close', () => fail(new Error(`closed: ${text}`)));
		});
	},

	async wrong_proof(ask, host) {
		if (host === 'h2.test') return;
		const status = await ask(host, '/wrong').then((w) => { w.close(); return w.status; });
		assert.strictEqual(status, 502);
	},

	/* The end of it is not waited for: the script looks at the memory. */
	async stall(ask, host) {
		for (let i = 0; i < 10; i++) {
			const w = await ask(host, '/stall');
			const block = Buffer.alloc(65536, 's');
			w.stream.on('error', () => {});
			for (let n = 0; n < 160; n++) w.stream.write(block);
		}
	},

	async flood(ask, host) {
		for (let i = 0; i < 10; i++) {
			const w = await ask(host, '/flood');
			w.stream.on('error', () => {});
			w.stream.pause();
		}
	},

	async silence(ask, host) {
		const w = await ask(host, '/stall');
		const began = Date.now();
		await ended(w.stream);
		const ms = Date.now() - began;
		assert(ms > 500 && ms < 4000, `after ${ms} ms`);
		w.close();
	},
};

async function main() {
	const [mode, ...args] = process.argv.slice(2);
	if (mode === 'server') return servers(...args.map(Number));
	TLS_PORT = Number(args[0]);
	CLEAR_PORT = Number(args[1]);
	CA = fs.readFileSync(args[2]);
	for (const test of args.slice(3)) {
		await each(test, TESTS[test]);
		console.log(test);
	}
	if (args.includes('stall') || args.includes('flood')) await sleep(1500);
	process.exit(0);
}

process.on('unhandledRejection', (e) => { console.log(e.stack); process.exit(1); });
main();
