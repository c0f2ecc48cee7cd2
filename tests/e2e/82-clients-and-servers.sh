#!/usr/bin/env bash
# Each client to each server: the same bytes down and up.
. "$(dirname "$0")/lib.sh"
need curl nghttp nghttpd nginx node

file hundred 100K
start_nginx
start_nghttpd
NODE1=$(free_port) NODE2=$(free_port) ORIGIN=$(free_port)
cat >server.js <<-'EOT'
	const fs = require('fs'), http = require('http'), http2 = require('http2');
	const crypto = require('crypto');
	const [www, h1, h2c] = process.argv.slice(2);
	const answer = (req, res) => {
		if (req.method === 'POST') {
			const sum = crypto.createHash('sha256');
			req.on('data', (part) => sum.update(part));
			return req.on('end', () => res.end(sum.digest('hex')));
		}
		res.setHeader('content-type', 'application/octet-stream');
		fs.createReadStream(www + req.url).pipe(res);
	};
	http.createServer(answer).listen(h1, '127.0.0.1');
	http2.createServer(answer).listen(h2c, '127.0.0.1');
EOT
start node node server.js "$WWW" "$NODE1" "$NODE2"
wait_port "$NODE2" "$PID"
start origin "$HEAPGATE" origin --listen "127.0.0.1:$ORIGIN"
wait_port "$ORIGIN" "$PID"
ports
cert
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	route host=nginx.test / nginx
	route host=nghttpd.test / nghttpd
	route host=node1.test / node1
	route host=node2.test / node2
	route host=origin1.test / origin1
	route host=origin2.test / origin2
	upstream nginx { server 127.0.0.1:$NGINX_PORT }
	upstream nghttpd { server 127.0.0.1:$NGHTTPD_PORT proto=h2c }
	upstream node1 { server 127.0.0.1:$NODE1 }
	upstream node2 { server 127.0.0.1:$NODE2 proto=h2c }
	upstream origin1 { server 127.0.0.1:$ORIGIN }
	upstream origin2 { server 127.0.0.1:$ORIGIN proto=h2c }
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate
cat >client.js <<-'EOT'
	const fs = require('fs'), http2 = require('http2');
	const [port, ca, host, path, up] = process.argv.slice(2);
	const c = http2.connect(`https://127.0.0.1:${port}`,
		{ca: fs.readFileSync(ca), servername: 'localhost'});
	c.on('error', (e) => { console.error(e); process.exit(1); });
	const s = c.request({':authority': host, ':path': path, ':method': up ? 'POST' : 'GET'});
	if (up) fs.createReadStream(up).pipe(s); else s.end();
	s.pipe(process.stdout);
	s.on('end', () => c.close());
EOT

# ask CLIENT HOST PATH [FILE TO SEND]
ask() {
	local up=()
	[ -z "${4:-}" ] || up=(--data-binary "@$4" -H 'Expect:')
	case $1 in
	curl-1.0) curl -sS -0 "http://127.0.0.1:$CLEAR$3" -H "Host: $2" "${up[@]}" ;;
	curl-1.1) curl -sS --http1.1 "http://127.0.0.1:$CLEAR$3" -H "Host: $2" "${up[@]}" ;;
	curl-1.1-tls) curl -sS --http1.1 --cacert "$CERT" "$URL$3" -H "Host: $2" "${up[@]}" ;;
	curl-2) get "$3" -H "Host: $2" "${up[@]}" ;;
	curl-h2c) curl -sS --http2-prior-knowledge "http://127.0.0.1:$CLEAR$3" \
		-H "Host: $2" "${up[@]}" ;;
	nghttp) nghttp "$URL$3" -H ":authority: $2" ${4:+-d "$4"} 2>/dev/null ;;
	node) node client.js "$PORT" "$CERT" "$2" "$3" ${4:+"$4"} ;;
	esac
}

WANT=$(sha256sum <"$WWW/hundred")
PATTERN=$(curl -sS "http://127.0.0.1:$ORIGIN/bytes/102400" | sha256sum)
SUM=${WANT%% *}
for client in curl-1.0 curl-1.1 curl-1.1-tls curl-2 curl-h2c nghttp node; do
	for server in nginx nghttpd node1 node2 origin1 origin2; do
		it "$client to $server"
		case $server in
		origin*)
			is "$(ask $client $server.test /bytes/102400 | sha256sum)" "$PATTERN"
			has "$(ask $client $server.test /sink "$WWW/hundred")" "$SUM"
			;;
		*)
			is "$(ask $client $server.test /hundred | sha256sum)" "$WANT"
			;;
		esac
		case $server in
		node*) is "$(ask $client $server.test / "$WWW/hundred")" "$SUM" ;;
		esac
	done
done
is "$(metric 'heapgate_http_requests_total.*code_class="5xx"')" 0
