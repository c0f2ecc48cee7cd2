/*
 * log: the error log. One line per event, to a file or stderr:
 *
 *   2024-02-29T12:34:56.789Z warn worker 2 jemalloc: the message
 *
 * Each line is one write() and at most 2 KiB; control bytes in a message come
 * out as "?". Never allocates, never changes errno. A line that the sink does
 * not take is lost and counted.
 */
#ifndef HEAPGATE_LOG_H
#define HEAPGATE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARN, LOG_ERROR };

/* Until the first call: stderr, from notice on.
 * path NULL or "-": stderr. who: "supervisor", "worker 2 jemalloc"; copied.
 * Returns: 0, or -1 with errno set (the old sink stays). */
int log_open(const char *path, enum log_level least, const char *who);
/* Opens the same path again (after logrotate). */
void log_reopen(void);
void log_write(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Lines lost since the process started. */
unsigned long log_lost(void);
/* "debug" "info" "notice" "warn" "error"; -1: another word. */
int log_level_of(const char *word);

#define log_debug(...)  log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)   log_write(LOG_INFO, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_warn(...)   log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...)  log_write(LOG_ERROR, __VA_ARGS__)

#endif
