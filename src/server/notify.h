/*
 * notify: tells systemd, or whoever set NOTIFY_SOCKET, how the service is
 * doing; sd_notify(3) has the words. Without NOTIFY_SOCKET it does nothing.
 */
#ifndef HEAPGATE_NOTIFY_H
#define HEAPGATE_NOTIFY_H

/* text: NAME=VALUE lines, "READY=1\nSTATUS=serving". */
void notify_send(const char *text);

#endif
