#!/usr/bin/env bash
# A server answers an upload before it has read it, and closes: the client has its
# answer, and does not wait with the rest of the upload until a timer is over.
. "$(dirname "$0")/lib.sh"

need h2load
SERVER=$(free_port)
start server python3 - "$SERVER" <<-'EOT'
	import socket, sys, threading
	def serve(c):
	    while b"\r\n\r\n" not in c.recv(65536):
	        pass
	    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
	    c.shutdown(socket.SHUT_WR)
	    while c.recv(65536):
	        pass
	    c.close()
	s = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
	while True:
	    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
EOT
wait_port "$SERVER" "$PID"
ports
simple_conf "127.0.0.1:$SERVER"
start_heapgate
head -c 1048576 /dev/zero >1m

it "20 uploads of 1 MiB, one after another"
began=$EPOCHREALTIME
OUT=$(h2load -n 20 -c 1 -m 1 -d 1m "$URL/" 2>&1)
took=$(awk "BEGIN { print $EPOCHREALTIME - $began }")
show "$took s"
has "$OUT" "20 succeeded, 0 failed"
# A stream that waits for its last second takes one.
at_most "$took" 5 "seconds"
