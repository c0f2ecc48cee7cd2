#!/usr/bin/env node
/*
 * Node's HTTP/1 parser beside ours, on generated and mutated requests.
 *
 *	node_diff.js CLEAR_PORT SERVER_PORT DIRECT_PORT ROUNDS
 *
 * Is the same server on SERVER_PORT, behind heapgate, and on DIRECT_PORT. What
 * comes through heapgate must be what Node itself would have taken: the same
 * number of requests, their targets and bodies. Where Node refuses or waits,
 * nothing may come through, unless it is explained here.
 */
'use strict';
const http = require('http');
const net = require('net');

/* Where we are right to take what Node does not. */
const EXPLAINED = [
	['a method that it does not know', (m) => !/^(\r?\n)*(GET|POST|PUT|HEAD|OPTIONS|DELETE|TRACE|PATCH|CONNECT) /.test(m)],
	['equal Content-Lengths (RFC 9110 §8.6)', (m) => (m.match(/content-length/gi) || []).length > 1],
	['a tab is a blank (RFC 9110 §5.6.3)', (m) => m.includes('\t')],
	['chunk extensions of any text', (m) => /\r\n[0-9a-f]+[ \t]*;/i.test(m)],
	['an upgrade that nobody takes is no tunnel', (m) => /upgrade/i.test(m)],
];

const BASE = [
	'GET /a HTTP/1.1\r\nHost: x\r\n\r\n',
	'GET /b?c=d HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n',
	'POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello',
	'POST /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
	'POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: y\r\n\r\n' +
		'5;a=b\r\nhello\r\n3\r\nyou\r\n0\r\ny: z\r\n\r\n',
	'GET http://x/f HTTP/1.1\r\nHost: x\r\n\r\n',
	'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
	'PUT /g HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nX-Long: a b c\r\n\r\n',
	'GET /h HTTP/1.1\r\nHost: x\r\nConnection: close, x-y\r\nX-Y: z\r\n\r\n',
	'GET /i HTTP/1.1\r\nHost: x\r\n\r\nPOST /j HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc',
];
const PIECES = ['\r\n', '\n', '\r', ' ', '\t', ':', ';', ',', '0', '5', 'a', '\x80', '\x7f',
	'\x01', '\0', '"', '/', '#', '?', '@', '+', '-', '%41', '\r\n ', '[::1]', 'http://', '*',
	'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n',
	'Transfer-Encoding: identity\r\n', 'transfer-encoding : chunked\r\n', ', chunked',
	'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Host: y\r\n', 'TE: trailers\r\n',
	'X: y\r\n', '0\r\n\r\n', '5\r\nhello\r\n', '\r\n\r\n', 'HTTP/1.1', 'HTTP/1.0', 'GET ',
	'POST ', 'HEAD ', 'Content-Length: +5\r\n', 'Content-Length: 5, 5\r\n'];

let state = 0x9e3779b9;
function draw(n) {
	state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
	return (state >>> 0) % n;
}

function mutate(text) {
	for (let k = draw(4); k > 0; k--) {
		const at = draw(text.length + 1);
		const piece = PIECES[draw(PIECES.length)];
		switch (draw(5)) {
		case 0: text = text.slice(0, at) + String.fromCharCode(draw(256)) + text.slice(at + 1); break;
		case 1: text = text.slice(0, at) + text.slice(at + 1 + draw(4)); break;
		case 2: {
			const lf = text.indexOf('\n', at) + 1;
			text = text.slice(0, lf) + piece + text.slice(lf);
			break;
		}
		default: text = text.slice(0, at) + piece + text.slice(at);
		}
	}
	return text || 'x';
}

/* What each connection's requests were, by its two ports: an answer may be
 * lost when the next request is a bad one. */
const taken = new Map();

/* Answers each request with what it was. */
function server(port) {
	const s = http.createServer((req, res) => {
		let body = '';
		req.setEncoding('latin1');
		req.on('data', (part) => { body += part; });
		req.on('end', () => {
			const seen = JSON.stringify([req.method,
				req.url.replace(/^http:\/\/[^/?]*/i, '') || '/', body]);
			const conn = `${port} ${req.socket.remotePort}`;
			taken.set(conn, [...taken.get(conn) || [], seen]);
			res.setHeader('x-seen', encodeURIComponent(seen));
			res.end();
		});
	});
	s.on('clientError', (e, socket) => socket.writable && socket.end('HTTP/1.1 400 Refused\r\nContent-Length: 0\r\n\r\n'));
	s.keepAliveTimeout = 60000;
	return new Promise((done) => s.listen(port, '127.0.0.1', done));
}

/* Waits so long for an answer. {seen, taken, refused, text} */
function ask(port, text, ms) {
	return new Promise((done) => {
		let got = '', timer, mine;
		const s = net.connect(port, '127.0.0.1');
		const end = () => {
			clearTimeout(timer);
			s.destroy();
			const seen = [...got.matchAll(/x-seen: (\S+)/gi)].map((m) => decodeURIComponent(m[1]));
			done({seen, taken: taken.get(mine) || [], refused: /^HTTP\/1\.1 [45]\d\d/m.test(got), text: got});
		};
		const wait = (ms) => { clearTimeout(timer); timer = setTimeout(end, ms); };
		s.on('connect', () => {
			mine = `${port} ${s.localPort}`;
			taken.delete(mine);
			s.write(Buffer.from(text, 'latin1'));
			wait(ms);
		});
		s.on('data', (part) => { got += part.toString('latin1'); wait(ms / 2); });
		s.on('error', end);
		s.on('close', end);
	});
}

async function compare(port, direct, text, counts, ms) {
	const [here, there] = await Promise.all([ask(port, text, ms), ask(direct, text, ms)]);
	const same = here.seen.every((one, i) => one === there.taken[i]);
	const server_refused = here.refused && !/^proxy-status:/mi.test(here.text);
	if (same && !server_refused) {
		counts[here.seen.length === there.taken.length ? 'same' : 'refused here only']++;
		return null;
	}
	const why = EXPLAINED.find(([, is]) => is(text));
	if (!why && server_refused)
		return `the server refused what we made of it: ${JSON.stringify(here.text)}`;
	if (!why)
		return `came through: ${here.seen}; Node: ${there.taken} ${there.text.split('\r\n')[0]}`;
	counts.explained++;
	return null;
}

async function main() {
	const [port, behind, direct, rounds] = process.argv.slice(2).map(Number);
	await Promise.all([server(behind), server(direct)]);
	const texts = [...BASE];
	while (texts.length < rounds) texts.push(mutate(BASE[draw(BASE.length)]));
	const counts = {same: 0, 'refused here only': 0, explained: 0};
	let wrong = 0;
	const work = async () => {
		while (texts.length) {
			const text = texts.pop();
			const why = await compare(port, direct, text, counts, 300) &&
				await compare(port, direct, text, counts, 3000); // a busy machine?
			if (!why) continue;
			wrong++;
			console.log(`${JSON.stringify(text)}: ${why}`);
		}
	};
	await Promise.all(Array.from({length: 40}, work));
	console.log(`${rounds} messages: ${JSON.stringify(counts)}`);
	process.exit(wrong ? 1 : 0);
}

main();
